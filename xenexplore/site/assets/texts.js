// Texts as xenexplore/site/pool.py takes them apart.

// How a number is written, by the mark that stands for it in a shape.
const WRITTEN = {
  "\u0001": String,
  "\u0002": (value) => value.toString(16),
  "\u0003": (value) => value.toString(16).padStart(8, "0"),
  "\u0004": (value) => value.toString(16).padStart(12, "0"),
};

export function textOf({ shapes, columns }, [order, taken]) {
  const met = [];
  let next = 0, text = "";
  for (const number of order) {
    const shape = (met[number] ??= takenApart(shapes[number]));
    const { words, holes, values, row } = shape;
    shape.columns ??= holes.map(() => columns[taken[next++]]);
    text += words[0];
    for (let hole = 0; hole < holes.length; hole += 1) {
      values[hole] += shape.columns[hole][row];
      text += holes[hole](values[hole]) + words[hole + 1];
    }
    shape.row += 1;
  }
  return text;
}

function takenApart(shape) {
  const [first, ...rest] = shape.split(/([\u0001-\u0004])/);
  const holes = [], words = [first];
  for (let at = 0; at < rest.length; at += 2) {
    holes.push(WRITTEN[rest[at]]);
    words.push(rest[at + 1]);
  }
  return { holes, words, values: holes.map(() => 0), row: 0 };
}
