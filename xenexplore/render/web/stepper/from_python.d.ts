// What Python writes before the joined parts (modules.py): kinds of steps and their shapes, and the words.

/** A term: its name, what it means, and where that is said, with a link. */
export type Term = [name: string, text: string, source?: string, link?: string];

/** A kind of step to its shape (glyphs.js); a reader's own kind has one, too. */
export declare const SHAPE_OF: Record<string, string>;
export declare const GLOSSARY: Record<string, Term>;
/** What a key does, by what is written on it. */
export declare const KEYS: [key: string, what: string][];
/** The stops of the tour: a selector, a name, what is there. */
export declare const TOUR: [part: string, name: string, text: string][];
