// What a trace is: written from its schema by tests/trace_types.py, not by hand.
// A number of 2**53 or more stands in the data as a Hex string; BigInt() takes both.

/** An address, a frame number, or an integer of 2**53 or more. */
export type Hex = string;

export interface Step {
  cite: number;
  depth: number;
  i: number;
  kind: string;
  parent: number;
  say: string;
  after?: Hex;
  args?: Hex[];
  asked?: number;
  before?: Hex;
  cache?: "the vTLB" | "the HAP cache";
  cause?: "cr3-write" | "invlpg" | "entry" | "preempted" | "switched-out";
  compares?: number;
  covered?: number;
  current?: number;
  detail?: string;
  direction?: "from" | "to" | "clear";
  element?: number;
  entry?: Hex | {
    start: Hex;
    size: number;
  } | null;
  entry_at?: Hex;
  entry_pa?: Hex | null;
  entry_reads?: number;
  error_code?: number | null;
  flags?: string;
  flags_not_set?: string;
  gfn?: Hex | Hex | null;
  gpa?: Hex | null | Hex;
  handle?: Hex;
  held?: Hex | null;
  held_write?: boolean;
  how?: "arithmetic" | "table walk";
  inbound?: boolean;
  index?: number;
  instruction?: string;
  is_global?: boolean;
  label?: string;
  leg?: number;
  level?: number | null | number;
  linear?: Hex | null;
  meaning?: "gfn" | "offset" | "address" | "length";
  meant?: Hex | null;
  mfn?: Hex | null;
  moved?: number;
  name?: string | "setup" | "prepare" | "finish";
  number?: Hex;
  order?: number;
  p2m_type?: string;
  pa?: Hex;
  page?: Hex;
  passed?: boolean;
  purpose?: "table" | "walk end" | "buffer";
  reason?: string;
  registers?: string[];
  removed?: ({
    slot: number;
    va: Hex;
    pa: Hex;
    size: number;
    is_global: boolean;
    space: number | null;
    label: string;
  })[] | Hex[];
  replaced?: ({
    slot: number;
    va: Hex;
    pa: Hex;
    size: number;
    is_global: boolean;
    space: number | null;
    label: string;
  })[] | Hex | null;
  reported?: number;
  result?: number;
  role?: string;
  root?: boolean;
  scope?: "range" | "space" | "all";
  shared?: boolean;
  size?: number | number | null;
  slot?: number | null | number;
  slots?: number;
  source?: Hex;
  space?: number | null;
  spoilt?: "" | "ciphertext" | "garbage" | "dropped";
  subject?: number;
  table?: Hex;
  target?: Hex;
  text?: string;
  type?: string;
  va?: Hex | Hex | null;
  value?: Hex | number;
  vcpu?: number;
  what?: "page fault" | "not canonical" | "p2m" | "RMP violation" | "list" | "TLB miss" | string;
  who?: string;
  would_fail?: string;
  write?: boolean;
}

export interface Trace {
  schema: "xenexplore.trace/1";
  scenario: {
    name: string;
    title: string;
    question: string[];
    asked: string;
    ours: string;
    text: string;
  };
  option: {
    ident: string;
    name: string;
    label: string;
    title: string;
    asked: string;
    given: Record<string, unknown>;
    values: Record<string, unknown>;
  };
  machine: {
    guest: {
      type: "pvh" | "hvm" | "pv";
      kernel: "linux" | "freebsd" | "no-directmap" | "unikernel";
      memory: number;
      vcpus: number;
      encryption: "none" | "sev" | "snp";
      p2m_order: number;
      la57: boolean;
      gib_pages: boolean;
      smap: boolean;
      pti: boolean;
      paging: "hap" | "shadow";
      seed: number;
      image: {
        file: string;
        folder: string;
        cr3: number | null;
        first_vcpu: number;
        registers: string | null;
        raw: boolean;
        mode: string | null;
        c_bit: number | null;
        pkru: number | null;
        maxphyaddr: number | null;
        directmap: Hex | null;
        spare: Hex | null;
        spare_pages: number;
        limit: number | null;
      } | null;
    };
    regions: ({
      name: string;
      start: Hex;
      end: Hex;
      kind: "user" | "identity" | "hole" | "hypervisor" | "directmap" | "percpu" | "vmalloc" | "vmalloc'ed data" | "vmemmap" | "image" | "stack" | "hardirq stack" | "modules" | "fixmap" | "cpu_entry_area" | "other";
      physical: Hex | null;
      part_of: string;
    })[];
    gpa_regions: ({
      name: string;
      start: Hex;
      end: Hex;
      kind: "ram" | "special" | "mmio" | "hole" | "kernel";
      what: string;
    })[];
    p2m: {
      gfn: Hex;
      frames: number;
      p2m_type: string;
      order: number;
    }[];
    buffers: ({
      name: string;
      kind: string;
      va: Hex;
      size: number;
      process: string | null;
      vcpu: number;
      frames: Hex[];
      contiguous: boolean;
      aliases: (Hex | null)[];
      writable: boolean;
      shared: boolean;
    })[];
    placed: number;
    vcpus: {
      index: number;
      process: string;
      cr3: Hex;
      kernel_stack: Hex;
      percpu: Hex;
    }[];
    processes: ({
      name: string;
      pid: number;
      root: Hex;
      user_root: Hex | null;
    })[];
    table_frames: Hex[];
    assumed: string[];
  };
  outcome: {
    status: "right" | "wrong" | "error" | "refused";
    result: number | null;
    right_bytes: number;
    wrong_bytes: number;
    lost_checks: number;
    hazards: string[];
    refusals: string[];
    setup: {
      exits: number;
      copies: number;
      walks: number;
      pte_reads: number;
      p2m_lookups: number;
      p2m_entry_reads: number;
      tlb_lookups: number;
      tlb_hits: number;
      tlb_compares: number;
      tlb_inserts: number;
      tlb_purges: number;
      list_reads: number;
      bytes_from_guest: number;
      bytes_to_guest: number;
      register_bytes: number;
      guest_translations: number;
      guest_bytes_copied: number;
      guest_bytes_written: number;
      flips: number;
      unchecked: number;
    };
    calls: {
      exits: number;
      copies: number;
      walks: number;
      pte_reads: number;
      p2m_lookups: number;
      p2m_entry_reads: number;
      tlb_lookups: number;
      tlb_hits: number;
      tlb_compares: number;
      tlb_inserts: number;
      tlb_purges: number;
      list_reads: number;
      bytes_from_guest: number;
      bytes_to_guest: number;
      register_bytes: number;
      guest_translations: number;
      guest_bytes_copied: number;
      guest_bytes_written: number;
      flips: number;
      unchecked: number;
    };
  };
  cites: string[];
  steps: Step[];
  registered: ({
    i: number;
    parent: number;
    depth: number;
    kind: "tlb-insert";
    say: string;
    vcpu: number;
    shared: boolean;
    va: Hex;
    pa: Hex;
    size: number;
    is_global: boolean;
    space?: number | null;
    label?: string;
    slot?: number | null;
    replaced: ({
      slot: number;
      va: Hex;
      pa: Hex;
      size: number;
      is_global: boolean;
      space: number | null;
      label: string;
    })[];
    result: number;
    reason?: string;
    cite: number;
  })[];
}
