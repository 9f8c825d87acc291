// Reads the Prometheus text format as far as the registry writes it: names, labels, values.

export function read(text) {
  const values = []
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (match === null) continue
    const labels = {}
    for (const [, label, value] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[label] = value
    values.push({ name: match[1], labels, value: Number(match[3]) })
  }
  return values
}

// The sum of all values of a name.
export function total(values, name) {
  return values.reduce((sum, value) => value.name === name ? sum + value.value : sum, 0)
}

// How much the sum grows a second. A counter that has shrunk began anew.
export function rate(before, after, name) {
  const grown = total(after.values, name) - total(before.values, name)
  return Math.max(0, grown) / Math.max(0.001, (after.at - before.at) / 1000)
}
