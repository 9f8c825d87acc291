// A table of which only the rows in sight are elements, so that ten thousand rows cost what forty do. It is a grid to a
// screen reader: arrow keys move the current row, Enter opens it, and the column heads sort.

import { element } from './dom.js'

const rowHeight = 36
const beyondSight = 8
const keyOf = row => row.key ?? row.id

export class Table {
  #columns
  #rows = []
  #made = new Map()
  #current = null
  #sort = null
  #onOpen
  #empty
  #name = `t${Math.random().toString(36).slice(2)}`

  // A column is { title, width, cell: row => text or node, by: row => text or number }; one without `by` does not sort.
  // A row is an object with `id`, or a `key` where several have one id; one that has changed is another object.
  constructor({ label, columns, empty, onOpen }) {
    this.#columns = columns
    this.#onOpen = onOpen
    this.#empty = element('p', { class: 'empty', hidden: true }, empty)
    this.#body = element('div', { class: 'rows', role: 'rowgroup' })
    this.#head = element('div', { role: 'row', 'aria-rowindex': 1, class: 'head' }, columns.map((column, index) =>
      element('div', { role: 'columnheader', 'aria-sort': column.by ? 'none' : undefined },
        column.by ? element('button', { type: 'button', click: () => this.#sortBy(index) }, column.title) : column.title)))
    this.element = element('div', {
      class: 'table', role: 'grid', 'aria-label': label, tabindex: 0, scroll: () => this.#schedule(),
      keydown: event => this.#key(event),
    }, element('div', { class: 'heads', role: 'rowgroup' }, this.#head), this.#body, this.#empty)
    const template = columns.map(column => column.width ?? '1fr').join(' ')
    this.element.style.setProperty('--columns', template)
    this.element.style.setProperty('--row', `${rowHeight}px`)
    new ResizeObserver(() => this.#schedule()).observe(this.element)
  }

  #body
  #head
  #isScheduled = false

  // Shows these rows, in this order unless a column sorts.
  show(rows) {
    this.#rows = rows
    this.#arrange()
    this.#schedule()
  }

  #arrange() {
    if (this.#sort === null) return
    const { by, descending } = this.#sort
    const sign = descending ? -1 : 1
    this.#rows = [...this.#rows].sort((a, b) => {
      const [left, right] = [by(a), by(b)]
      return left < right ? -sign : left > right ? sign : 0
    })
  }

  #sortBy(index) {
    const by = this.#columns[index].by
    this.#sort = { by, descending: this.#sort?.by === by && !this.#sort.descending }
    ;[...this.#head.children].forEach((head, at) => {
      if (this.#columns[at].by) head.setAttribute('aria-sort', at !== index ? 'none' : this.#sort.descending ? 'descending' : 'ascending')
    })
    this.#arrange()
    this.#schedule()
  }

  #schedule() {
    if (this.#isScheduled) return
    this.#isScheduled = true
    requestAnimationFrame(() => {
      this.#isScheduled = false
      this.#draw()
    })
  }

  // Keeps the elements of rows that are in sight and have not changed.
  #draw() {
    const rows = this.#rows
    this.element.setAttribute('aria-rowcount', rows.length + 1)
    this.#body.style.height = `${rows.length * rowHeight}px`
    this.#empty.hidden = rows.length > 0
    const first = Math.max(0, Math.floor(this.element.scrollTop / rowHeight) - beyondSight)
    const last = Math.min(rows.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / rowHeight) + beyondSight)
    const kept = new Map()
    for (let index = first; index < last; index += 1) {
      const row = rows[index]
      const key = keyOf(row)
      const before = this.#made.get(key)
      const made = before?.row === row ? before : { row, element: this.#make(row) }
      if (made !== before) before?.element.remove()
      this.#made.delete(key)
      made.element.style.transform = `translateY(${index * rowHeight}px)`
      made.element.setAttribute('aria-rowindex', index + 2)
      made.element.setAttribute('aria-selected', key === this.#current)
      made.element.id = `${this.#name}-${index}`
      if (!made.element.isConnected) this.#body.append(made.element)
      kept.set(key, made)
    }
    for (const { element } of this.#made.values()) element.remove()
    this.#made = kept
    const current = kept.get(this.#current)
    if (current) this.element.setAttribute('aria-activedescendant', current.element.id)
    else this.element.removeAttribute('aria-activedescendant')
  }

  #make(row) {
    return element('div', { role: 'row', click: () => this.#open(row) },
      this.#columns.map(column => element('div', { role: 'gridcell' }, column.cell(row))))
  }

  #open(row) {
    this.#current = keyOf(row)
    this.#schedule()
    this.#onOpen?.(row)
  }

  #key(event) {
    if (event.target !== this.element) return
    const page = Math.max(1, Math.floor(this.element.clientHeight / rowHeight) - 2)
    const at = this.#rows.findIndex(row => keyOf(row) === this.#current)
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.#rows.length - 1 }
    if (event.key === 'Enter' && at >= 0) this.#open(this.#rows[at])
    else if (event.key in steps && this.#rows.length > 0) {
      const next = Math.min(this.#rows.length - 1, Math.max(0, steps[event.key]))
      this.#current = keyOf(this.#rows[next])
      const top = next * rowHeight
      const height = this.element.clientHeight - 2 * rowHeight
      if (top < this.element.scrollTop) this.element.scrollTop = top
      else if (top > this.element.scrollTop + height) this.element.scrollTop = top - height
      this.#schedule()
    } else return
    event.preventDefault()
  }
}
