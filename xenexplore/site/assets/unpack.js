// The package as it is sent: a line of JSON, [[name, size], ...], and the files' bytes in that order.

export function unpack(python, bytes, place) {
  const end = bytes.indexOf(10);
  let at = end + 1;
  for (const [name, size] of JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)))) {
    const path = `${place}/${name}`;
    python.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    python.FS.writeFile(path, bytes.subarray(at, at + size));
    at += size;
  }
}
