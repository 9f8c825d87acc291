// Makes elements. What the registry tells becomes text and attribute values, never markup, so a name may hold anything.

// Attributes that are functions listen to the event of their name; true is an attribute without a value, and false and
// undefined are none.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key, value)
    else if (value === true) made.setAttribute(key, '')
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(key, value)
  }
  made.append(...children.flat(Infinity).filter(child => child !== undefined && child !== null && child !== false))
  return made
}

// A term and what is said of it, for a list of details. What is undefined is left out.
export function details(pairs) {
  return element('dl', {}, pairs.filter(([, value]) => value !== undefined && value !== null)
    .map(([term, value]) => [element('dt', {}, term), element('dd', {}, value)]))
}

export function badge(text, kind = text) {
  return element('span', { class: 'badge', 'data-kind': kind }, text)
}

// Seconds in the two largest units that say something.
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`
  return `${Math.floor(whole / 86400)} d ${Math.floor(whole % 86400 / 3600)} h`
}

export function clock(time) {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? String(time) : date.toLocaleTimeString([], { hour12: false })
}

const counting = new Intl.NumberFormat()
export const count = number => counting.format(number)

// 1 instance, 2 instances.
export const some = (number, noun) => `${count(number)} ${noun}${number === 1 ? '' : 's'}`
