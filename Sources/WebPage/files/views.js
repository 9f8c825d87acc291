// The views that follow the stream: services, and the instances of all of them. A view has `element`, and `stop` to be
// called when another one takes its place.

import { badge, clock, count, details, element, some } from './dom.js'
import { quoted, serviceIn, statusOf, zoneOf } from './catalog.js'
import { Table } from './table.js'
import { instanceActions, serviceActions } from './actions.js'

// What comes within as many milliseconds is shown together.
const redraw = 250

export function servicesView({ catalog, go }) {
  const summary = element('p', { class: 'summary', role: 'status' })
  const table = new Table({
    label: 'Services',
    empty: 'No service is registered.',
    columns: [
      { title: 'Service', width: '2fr', cell: row => row.name, by: row => row.name },
      { title: 'Instances', width: '7rem', cell: row => count(row.total), by: row => row.total },
      { title: 'Up', width: '6rem', cell: row => count(row.up), by: row => row.up },
      {
        title: 'Not up', width: '7rem', by: row => row.total - row.up,
        cell: row => row.up === row.total ? '0' : badge(count(row.total - row.up), row.up === 0 ? 'DOWN' : 'STARTING'),
      },
      { title: 'Tags', width: '2fr', cell: row => [...row.tags].sort().join(', ') },
      { title: 'Zones', width: '1fr', cell: row => [...row.zones].sort().join(', '), by: row => [...row.zones].sort().join() },
    ],
    onOpen: row => go(`/instances?q=${encodeURIComponent(quoted('service', row.name))}`),
  })
  const stop = whenChanged(catalog, () => {
    const rows = catalog.services()
    const up = rows.filter(row => row.up > 0).length
    summary.textContent = catalog.isComplete ? `${some(rows.length, 'service')}, ${count(up)} with an instance that is up` : 'loading'
    table.show(rows)
  })
  return { title: 'Services', element: element('section', { class: 'view' }, summary, table.element), stop }
}

export function instancesView(context) {
  const { catalog, parameters, replace } = context
  const summary = element('p', { class: 'summary', role: 'status' })
  const service = serviceBar(context)
  const panel = element('aside', { class: 'panel', hidden: true, 'aria-label': 'Instance' })
  let opened = null
  const field = element('input', {
    type: 'search', value: parameters.get('q') ?? '', id: 'search', autocomplete: 'off', spellcheck: 'false',
    placeholder: 'web, or service:web tag:v1 zone:eu status:up',
    input: () => { replace(field.value === '' ? '/instances' : `/instances?q=${encodeURIComponent(field.value)}`); show() },
  })
  const table = new Table({
    label: 'Instances',
    empty: 'Nothing that is registered matches.',
    columns: [
      { title: 'Service', width: '1.5fr', cell: row => row.service_name, by: row => row.service_name },
      { title: 'Address', width: '2fr', cell: row => row.endpoint.value ?? '', by: row => row.endpoint.value ?? '' },
      { title: 'Type', width: '5rem', cell: row => row.endpoint.type, by: row => row.endpoint.type },
      { title: 'Status', width: '14rem', cell: row => status(row), by: statusOf },
      { title: 'Zone', width: '7rem', cell: zoneOf, by: zoneOf },
      { title: 'Tags', width: '1.5fr', cell: row => (row.tags ?? []).join(', ') },
      { title: 'Id', width: '11rem', cell: row => element('code', {}, row.id), by: row => row.id },
    ],
    onOpen: row => open(row.id),
  })

  function show() {
    const rows = catalog.search(field.value)
    const all = catalog.size
    summary.textContent = !catalog.isComplete ? 'loading' : rows.length === all ? some(all, 'instance') : `${count(rows.length)} of ${some(all, 'instance')}`
    table.show(rows)
    service.show(serviceIn(field.value), rows)
    if (opened !== null && catalog.get(opened) !== panel.shown) open(opened)
  }

  // Shows one instance beside the table, and its last heartbeat, which the stream does not tell.
  function open(id) {
    const instance = catalog.get(id)
    const isNew = opened !== id
    opened = id
    panel.shown = instance
    panel.hidden = false
    const close = element('button', { type: 'button', click: () => { opened = null; panel.hidden = true; table.element.focus() } }, 'Close')
    if (instance === undefined) {
      panel.replaceChildren(element('h2', {}, 'Gone'), element('p', {}, `${id} is not registered any more.`), close)
      return
    }
    const heard = element('span', {}, '…')
    panel.replaceChildren(
      element('h2', {}, instance.service_name),
      details([
        ['Id', element('code', {}, instance.id)],
        ['Address', `${instance.endpoint.type} ${instance.endpoint.value ?? ''}`],
        ['Status', status(instance)],
        ['Registered as', instance.registered_status],
        ['Set for', instance.service_override ? 'the whole service' : undefined],
        ['Leaves', instance.drain_until && clock(instance.drain_until)],
        ['Tags', instance.tags?.join(', ')],
        ['Lease', instance.ttl > 0 ? `${instance.ttl} s` : 'none: a source tells of it'],
        ['Last heartbeat', heard],
        ['Metadata', instance.metadata === undefined ? undefined : element('pre', {}, JSON.stringify(instance.metadata, null, 2))],
      ]),
      element('div', { class: 'actions' }, instanceActions(context, instance), close))
    if (isNew) close.focus()
    context.session.json(`api/v1/instances/${encodeURIComponent(id)}`)
      .then(found => { heard.textContent = found.last_heartbeat ? clock(found.last_heartbeat) : 'none' })
      .catch(error => { heard.textContent = error.message })
  }

  const stop = whenChanged(catalog, show)
  panel.addEventListener('keydown', event => { if (event.key === 'Escape') { opened = null; panel.hidden = true; table.element.focus() } })
  return {
    title: 'Instances', stop,
    element: element('section', { class: 'view' },
      element('div', { class: 'tools' }, element('label', { for: 'search' }, 'Search'), field, summary),
      service.element,
      element('div', { class: 'beside' }, table.element, panel)),
  }
}

// What an operator has said of the service that is looked at, and can say.
function serviceBar(context) {
  const bar = element('div', { class: 'tools', role: 'group', 'aria-label': 'Service', hidden: true })
  const word = element('span', { role: 'status' })
  let name = null
  let seen = null
  let stands = false

  async function load() {
    const asked = name
    const standing = await context.session.json(`api/v1/services/${encodeURIComponent(asked)}/status`).catch(() => null)
    if (asked !== name) return
    stands = standing?.status !== undefined
    word.replaceChildren(...stands ? [
      'All of them: ', badge(standing.status), ` since ${clock(standing.since)}`, standing.by ? ` by ${standing.by}` : '',
      standing.drain_until ? `, leaving at ${clock(standing.drain_until)}` : standing.until ? `, until ${clock(standing.until)}` : '',
    ] : [])
  }

  return {
    element: bar,
    // Asks again when what the instances show of it has changed, and never for a service that there is not.
    show(query, rows) {
      const found = rows[0]?.service_name ?? (stands && query === name ? name : null)
      bar.hidden = query === null || found === null
      if (bar.hidden) return
      if (name !== found) {
        name = found
        seen = null
        bar.replaceChildren(...serviceActions({ ...context, done: load }, name), word)
      }
      const one = rows.find(row => row.service_override)
      const now = `${one?.status} ${one?.drain_until} ${rows.length === 0}`
      if (now === seen) return
      seen = now
      load()
    },
  }
}

function status(instance) {
  const counts = statusOf(instance)
  return [badge(counts), instance.registered_status !== undefined && instance.registered_status !== counts
    ? element('span', { class: 'note', title: `It has registered as ${instance.registered_status}.` }, 'overridden') : undefined]
    .filter(Boolean)
}

// Calls `show` now and after changes, seldom enough for the eye.
function whenChanged(catalog, show) {
  let timer = null
  const later = () => { timer ??= setTimeout(() => { timer = null; show() }, redraw) }
  catalog.addEventListener('change', later)
  show()
  return () => { clearTimeout(timer); catalog.removeEventListener('change', later) }
}
