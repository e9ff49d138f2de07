// The rows of a unit as Python has made them.

export function rowsOf(run, unit) {
  return (run.view.rows[unit] || []).map(([first, last, words, implied]) => ({
    first,
    last,
    words: run.vocabulary[words],
    implied: Boolean(implied),
    head: first === unit,
    until: Math.max(last + 1, first === unit ? 0 : run.end[last]),
    indices: Array.from({ length: last - first + 1 }, (_, at) => first + at),
  }));
}
