// What is registered, as the stream tells it. No element is made here; views ask, and are told when to look again.

export class Catalog extends EventTarget {
  #instances = new Map()
  #version = 0
  // What was last asked for, so that a view that looks again at the same is answered from memory.
  #services = { version: -1, rows: [] }
  #search = { version: -1, query: '', rows: [] }
  isComplete = false

  get size() { return this.#instances.size }
  get(id) { return this.#instances.get(id) }

  clear() {
    this.#instances.clear()
    this.isComplete = false
    this.#changed()
  }

  // Takes an event of /api/v1/watch.
  take(type, data) {
    if (type === 'snapshot') {
      this.#instances = new Map(data.instances.map(instance => [instance.id, instance]))
      this.isComplete = true
    } else if (type === 'put') this.#instances.set(data.id, data)
    else if (type === 'gone') this.#instances.delete(data.id)
    else return
    this.#changed()
  }

  #changed() {
    this.#version += 1
    this.dispatchEvent(new Event('change'))
  }

  // A row for each service, sorted by name.
  services() {
    if (this.#services.version === this.#version) return this.#services.rows
    const rows = new Map()
    for (const instance of this.#instances.values()) {
      const name = instance.service_name
      let row = rows.get(name)
      if (row === undefined) rows.set(name, row = { id: name, name, total: 0, up: 0, tags: new Set(), zones: new Set() })
      row.total += 1
      if (statusOf(instance) === 'UP') row.up += 1
      for (const tag of instance.tags ?? []) row.tags.add(tag)
      const zone = zoneOf(instance)
      if (zone) row.zones.add(zone)
    }
    this.#services = { version: this.#version, rows: [...rows.values()].sort((a, b) => compare(a.name, b.name)) }
    return this.#services.rows
  }

  // The instances that a query selects, sorted by service and id.
  search(query) {
    if (this.#search.version === this.#version && this.#search.query === query) return this.#search.rows
    const terms = parse(query)
    const rows = []
    for (const instance of this.#instances.values()) if (terms.every(term => term(instance))) rows.push(instance)
    rows.sort((a, b) => compare(a.service_name, b.service_name) || compare(a.id, b.id))
    this.#search = { version: this.#version, query, rows }
    return rows
  }
}

export const statusOf = instance => instance.status || 'UP'

// Where an instance is, by the metadata that Eureka's and Amalgam8's clients give.
export function zoneOf(instance) {
  const metadata = instance.metadata
  if (metadata === null || typeof metadata !== 'object') return ''
  const zone = metadata.zone ?? metadata['availability-zone'] ?? metadata.region
  return typeof zone === 'string' ? zone : ''
}

export const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0

const fields = {
  service: instance => [instance.service_name],
  id: instance => [instance.id],
  tag: instance => instance.tags ?? [],
  zone: instance => [zoneOf(instance)],
  status: instance => [statusOf(instance)],
  address: instance => [instance.endpoint?.value ?? ''],
}

// A query is words, all of which must be found: `service:web tag:v1 zone:eu status:up`, and a word alone anywhere.
// `service:"two words"` is quoted. service, tag, zone and status are compared whole, the others in part.
export function parse(query) {
  const words = query.match(/(?:[^\s"]+|"[^"]*")+/g) ?? []
  return words.map(word => {
    const colon = word.indexOf(':')
    const field = colon > 0 ? fields[word.slice(0, colon)] : undefined
    const wanted = (field ? word.slice(colon + 1) : word).replaceAll('"', '').toLowerCase()
    if (!field) return instance => Object.values(fields).some(read => read(instance).some(text => text.toLowerCase().includes(wanted)))
    const isWhole = !word.startsWith('id:') && !word.startsWith('address:')
    return instance => field(instance).some(text => isWhole ? text.toLowerCase() === wanted : text.toLowerCase().includes(wanted))
  })
}

// The name of the service that a query is about, if it is about one alone.
export function serviceIn(query) {
  const words = query.match(/(?:[^\s"]+|"[^"]*")+/g) ?? []
  return words.length === 1 && words[0].startsWith('service:') ? words[0].slice(8).replaceAll('"', '') : null
}

export const quoted = (field, value) => /[\s"]/.test(value) ? `${field}:"${value.replaceAll('"', '')}"` : `${field}:${value}`
