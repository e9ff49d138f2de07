// What a view is given: a trace with its words (view_data.py), a comparison (page.py), and options.

import type { Trace } from "./trace.js";




/** What a step is called: label, three columns, lines below, tone ("plain"); from the third on, what is told. */
export type StepWords = [label: string, main: string, side?: string, aside?: string, more?: string[], tone?: string];

/** Of a drawn path: nodes (role, column, row, reached, told), edges, fields of the address. */
export type Shape = [
  nodes: [role: string, column: number, row: number, first: number, told: number][],
  edges: [from: number, to: number, way: string, first: number][],
  bits: [column: number, high: number, low: number, level: number][],
];

/** What is said of a trace, ready to be laid out; numbers are places in the lists below. */
export interface ViewData {
  status: [mark: string, word: string];
  guest: string;
  given: string;
  counters: string[];
  counts: string[];
  links: string[];
  rows: Record<number, [first: number, last: number, words: number, implied: number][]>;
  pieces: Record<number, any[][]>;
  copies: Record<number, [first: number, path: number][]>;
  word: number[];
  line: number[];
  unit: number[];
  at: number[];
  delta: number[];
  note: number[];
  words: StepWords[];
  lines: [short: string, inside: string][];
  focus: any[][];
  deltas: [counter: number, value: number][][];
  paths: [shape: number, named: number[], values: string][];
  shapes: Shape[];
  named: [label: string, main: string, side: string, tone: string][];
  texts: string[];
  notes: number[][];
  stops: number[];
  waits: [at: number, key: number[]][];
  worth: number[];
  marks: [at: number, text: string][];
}

export type Shown = Trace & { view: ViewData };

export interface Compared {
  scenario: Trace["scenario"];
  options: {
    option: Trace["option"];
    outcome: Trace["outcome"];
    difference: { step: number | null; other: number | null; says: string; other_says: string } | null;
  }[];
  verdict: string;
  /** Of each option: from which step on, mark, words, status. */
  moments: [from: number, mark: string, words: string, status: string][][];
  opens: number[];
  results: string[];
  traces: Shown[];
}

/** Width of a stepper's content, and the sizes of the parts that are drawn to size, in px. */
export interface Place {
  width: number;
  sizes: { map: number; height: number; line: number; path: number };
}

export interface Options {
  step?: number;
  /** Of the view that this one follows, where it stood. */
  place?: Place;
  embedded?: boolean;
  /** Of a comparison: begin with its verdict alone. */
  folded?: boolean;
  deepLink?: boolean;
  python?: string;
  share?: (kind: string) => Promise<{ text?: string; svg?: string; link?: string; refused?: string; html?: string }>;
  /** Kinds that `share` knows beside text and pictures. */
  gives?: string[];
  onStep?: (step: number) => void;
  onPick?: (keys: string) => void;
  onMarks?: (marks: [place: string, text: string][]) => void;
}

/** anywidget's model, as far as it is used. */
export interface Model {
  get(name: string): any;
  set(name: string, value: any): void;
  save_changes(): void;
  send(message: unknown): void;
  on(name: string, act: (message?: any) => void): void;
  off(name: string, act: (message?: any) => void): void;
}

declare global {
  // All elements of a view are HTML or SVG.
  interface Element extends HTMLOrSVGElement {
    /** What rows_view.js drew last in a row, comparison.js in a cell. */
    xeState?: string;
    xeHtml?: string;
  }
}
