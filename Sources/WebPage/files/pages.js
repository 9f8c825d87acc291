// The views that ask now and then: namespaces, sources, members, events, health. What they ask is as open, or as closed, as the
// registry has it; a refusal is shown in its words.

import { badge, clock, count, details, element, some, span } from './dom.js'
import { pause } from './stream.js'
import { Table } from './table.js'
import { read, rate, total } from './metrics.js'
import { memberActions } from './actions.js'

const often = 2_000
// A page has a thousand, and all are asked for again and again.
const mostNamespaces = 5_000

export function sourcesView({ session }) {
  const list = element('div', { class: 'cards' })
  return asking('Sources', list, async signal => {
    const { catalogs } = await session.json('api/v1/catalogs', { signal })
    list.replaceChildren(...(catalogs.length === 0 ? [element('p', { class: 'empty' }, 'No source is configured: all that is shown was registered here.')] : catalogs.map(source => element('article', {},
      element('h2', {}, source.name, ' ', badge(source.state)),
      details([
        ['Instances', count(source.instances)], ['Services', count(source.services)],
        ['Since', clock(source.since)], ['Read', source.age_ms === undefined ? 'never' : `${span(source.age_ms / 1000)} ago`],
        ['Shown after', source.lag_ms === undefined ? undefined : `${count(source.lag_ms)} ms`],
        ['Failures', source.failures === undefined ? undefined : count(source.failures)],
        ['Last error', source.last_error && `${source.last_error.text} (${clock(source.last_error.at)})`],
        ['Problems', !source.problems?.length ? undefined : element('ul', {}, source.problems.map(problem =>
          element('li', {}, problem.place ? `${problem.place}: ${problem.text}` : problem.text)))],
      ])))))
  })
}

// For operators: what each namespace has and asks, and the way into one.
export function namespacesView({ session, choose }) {
  const summary = element('p', { class: 'summary', role: 'status' })
  const perSecond = number => number.toLocaleString('en', { maximumFractionDigits: 2 })
  const table = new Table({
    label: 'Namespaces',
    empty: 'No namespace has an instance.',
    columns: [
      { title: 'Namespace', width: '2fr', cell: row => row.namespace, by: row => row.namespace },
      { title: 'Services', width: '7rem', cell: row => count(row.services), by: row => row.services },
      { title: 'Instances', width: '7rem', cell: row => count(row.instances), by: row => row.instances },
      { title: 'Requests a second', width: '11rem', cell: row => perSecond(row.requests_per_s), by: row => row.requests_per_s },
      { title: 'Heartbeats a second', width: '11rem', cell: row => perSecond(row.heartbeats_per_s), by: row => row.heartbeats_per_s },
    ],
    onOpen: row => choose(row.namespace),
  })
  return asking('Namespaces', element('div', { class: 'view' }, summary, table.element), async signal => {
    const rows = []
    let after
    do {
      const page = await session.json('api/v1/namespaces', { query: { limit: 1000, after }, signal })
      rows.push(...page.namespaces.map(row => ({ id: row.namespace, ...row })))
      after = page.next
    } while (after !== undefined && rows.length < mostNamespaces)
    summary.textContent = after === undefined ? some(rows.length, 'namespace') : `the first ${count(rows.length)} namespaces`
    table.show(rows)
  })
}

export function membersView(context) {
  const { session } = context
  const ourself = element('article', {})
  const verdict = element('p', { class: 'summary', role: 'status' })
  const actions = memberActions(context)
  const table = new Table({
    label: 'Other members',
    empty: 'There is no other member.',
    columns: [
      { title: 'Member', width: '1.5fr', cell: row => row.name ?? row.address ?? row.id, by: row => row.name ?? row.address ?? '' },
      { title: 'Address', width: '1.5fr', cell: row => row.address ?? '' },
      { title: 'Link', width: '8rem', cell: row => badge(row.state), by: row => row.state },
      { title: 'Ready', width: '7rem', cell: row => row.state === 'ourself' ? '' : badge(row.draining ? 'drained' : row.ready ? 'yes' : 'no') },
      {
        title: 'Behind by', width: '12rem', by: row => row.reads_from_us?.lag_changes ?? 0,
        cell: row => row.reads_from_us?.lag_changes === undefined ? ''
          : row.reads_from_us.lag_changes === 0 ? 'nothing'
            : badge(`${some(row.reads_from_us.lag_changes, 'change')}, ${count(row.reads_from_us.lag_ms)} ms`, 'STARTING'),
      },
      { title: 'Same content', width: '8rem', cell: row => row.digests_agree === undefined ? '' : badge(row.digests_agree ? 'yes' : 'no') },
      { title: 'Last error', width: '2fr', cell: row => row.last_error?.text ?? '' },
    ],
  })
  return asking('Members', element('section', { class: 'view' }, ourself, actions.element, verdict, table.element), async signal => {
    const cluster = await session.json('api/v1/cluster', { signal })
    const isDrained = cluster.not_ready_because === 'operator'
    const because = isDrained ? 'an operator has drained it' : cluster.ready_because ?? cluster.not_ready_because
    ourself.replaceChildren(
      element('h2', {}, cluster.name ?? 'This member', ' ', badge(cluster.ready ? 'ready' : isDrained ? 'drained' : 'not ready')),
      details(cluster.replication ? [
        ['Address', cluster.address], ['Because', because],
        ['Members', cluster.expected_size ? `${cluster.size} of ${cluster.expected_size}` : `${cluster.size}`],
        ['Leases held', cluster.leases_held ? 'yes' : 'no'],
      ] : [
        ['Cluster', cluster.store ? `none: ${cluster.size} members share a store (${cluster.store})` : 'none: this registry is alone'],
        ['Because', because],
      ]))
    actions.show(isDrained, cluster.boot_id)
    const said = behind(cluster.members)
    // Else it would be read aloud every two seconds.
    if (verdict.textContent !== said) verdict.textContent = said
    table.show(cluster.members.map((member, index) => ({ id: member.boot_id ?? member.address ?? String(index), ...member })))
  })
}

const linked = ['streaming', 'copying', 'original', 'ourself', 'duplicate']

// A sentence on who is behind this member, or is not connected.
function behind(members) {
  const names = chosen => chosen.map(member => member.name ?? member.address ?? member.boot_id ?? '?').join(', ')
  const late = members.filter(({ reads_from_us: reads, digests_agree: agree }) =>
    reads?.lag_changes > 0 || reads?.overflowed || reads?.copying || agree === false)
  const apart = members.filter(member => !linked.includes(member.state))
  const drained = members.filter(member => member.draining)
  return [late.length > 0 ? `Behind: ${names(late)}.` : '', apart.length > 0 ? `Not connected: ${names(apart)}.` : '',
    members.length > 0 && late.length + apart.length === 0 ? 'No member is behind.' : '',
    drained.length > 0 ? `Drained by an operator: ${names(drained)}.` : ''].filter(Boolean).join(' ')
}

const kept = 5_000
const lostWithin = 5 * 60

export function eventsView({ session, parameters, replace }) {
  let events = []
  let since = (Date.now() - 60 * 60_000) * 1000
  const summary = element('p', { class: 'summary', role: 'status' })
  const choice = element('select', { id: 'kind', change: () => { replace(`/events?show=${choice.value}`); show() } },
    Object.entries({ all: 'everything', lost: 'lost in the last five minutes', registered: 'registered', updated: 'updated', deregistered: 'deregistered', expired: 'expired' })
      .map(([value, text]) => element('option', { value, selected: value === (parameters.get('show') ?? 'all') }, text)))
  const table = new Table({
    label: 'Events',
    empty: 'Nothing of the kind has happened.',
    columns: [
      { title: 'Time', width: '7rem', cell: row => element('time', { datetime: row.time, title: row.time }, clock(row.time)) },
      { title: 'What', width: '9rem', cell: row => badge(row.kind), by: row => row.kind },
      { title: 'Service', width: '1.5fr', cell: row => row.service_name, by: row => row.service_name },
      { title: 'Address', width: '1.5fr', cell: row => row.endpoint?.value ?? '' },
      { title: 'Status', width: '13rem', cell: row => row.previous_status && row.status && row.previous_status !== row.status ? `${row.previous_status} → ${row.status}` : row.status ?? row.previous_status ?? '' },
      { title: 'By', width: '1.5fr', cell: row => row.source ?? row.principal ?? row.client ?? '' },
      { title: 'Id', width: '11rem', cell: row => element('code', {}, row.id) },
    ],
  })
  function show() {
    const wanted = choice.value
    const from = (Date.now() / 1000 - lostWithin) * 1e6
    const rows = wanted === 'all' ? events
      : wanted === 'lost' ? events.filter(event => (event.kind === 'expired' || event.kind === 'deregistered') && event.index >= from)
        : events.filter(event => event.kind === wanted)
    summary.textContent = `${some(rows.length, 'event')} of the last hour, as this member saw them`
    table.show(rows)
  }
  return asking('Events', element('section', { class: 'view' },
    element('div', { class: 'tools' }, element('label', { for: 'kind' }, 'Show'), choice, summary), table.element), async signal => {
    for (;;) {
      const page = await session.json('api/v1/events', { query: { since, limit: 1000 }, signal })
      since = page.next
      if (page.events.length === 0) break
      events = [...page.events.reverse().map(event => ({ ...event, key: event.index })), ...events].slice(0, kept)
      if (page.events.length < 1000) break
    }
    show()
  })
}

const reasons = {
  400: 'the request is not as the API has it', 401: 'the credential is missing, wrong or has run out', 403: 'a limit of the namespace is reached, or it is for operators',
  404: 'nothing is at the path', 405: 'the path does not take the method', 408: 'the request did not come in time', 409: 'another instance has the id',
  410: 'the instance is not registered', 413: 'the body is too large', 415: 'the media type is not JSON', 429: 'the rate limit is reached',
  431: 'the head is too large', 500: 'a fault of the registry: please report it', 503: 'this member cannot answer yet, or is stopping',
}

export function healthView({ session }) {
  const ready = element('article', {})
  const load = element('article', {})
  const refused = element('article', {})
  const table = new Table({
    label: 'Refused lately',
    empty: 'Nothing was refused lately.',
    columns: [
      { title: 'Last', width: '7rem', cell: row => element('time', { datetime: row.last, title: row.last }, clock(row.last)) },
      { title: 'Times', width: '6rem', cell: row => count(row.count), by: row => row.count },
      { title: 'Status', width: '6rem', cell: row => String(row.status), by: row => row.status },
      { title: 'Why', width: '4fr', cell: row => element('span', { title: row.error }, row.error) },
      { title: 'Client', width: '10rem', cell: row => row.client ?? '', by: row => row.client ?? '' },
      { title: 'Request', width: '3fr', cell: row => row.path === undefined ? 'could not be read' : `${row.method} ${row.path}` },
      { title: 'Request id', width: '10rem', cell: row => element('code', {}, row.request_id) },
    ],
  })
  let before = null
  return asking('Health', element('div', { class: 'view' },
    element('div', { class: 'cards' }, ready, load, refused), element('h2', {}, 'Refused lately'), table.element), async signal => {
    // The metrics may be an operator's alone.
    const [{ refusals }, readiness, report, metrics] = await Promise.all([
      session.json('api/v1/refusals', { signal }),
      session.open('readyz', { signal, accept: [503] }).then(answer => answer.json()),
      session.open('uptime', { signal, accept: [503] }).then(answer => answer.json()),
      session.text('metrics', { signal }).then(text => ({ at: performance.now(), values: read(text) })).catch(error => ({ refusal: error })),
    ])
    ready.replaceChildren(element('h2', {}, 'This member ', badge(readiness.status)),
      details([['Because', readiness.reason], ['Since', readiness.since && clock(readiness.since)],
        ...Object.entries(report).map(([name, part]) => [name,
          [badge(part.healthy ? 'healthy' : 'unhealthy'), ' ', Object.entries(part.properties ?? {}).map(([key, value]) => `${key} ${value}`).join(', ')]])]))
    table.show(refusals.map(refusal => ({ ...refusal, key: `${refusal.status} ${refusal.client} ${refusal.operation} ${refusal.namespace} ${refusal.error}` })))
    if (metrics.refusal) {
      load.replaceChildren(element('h2', {}, 'Load'), element('p', { class: 'refusal' }, metrics.refusal.message))
      return
    }
    const { values } = metrics
    const perSecond = name => before === null ? '…' : `${count(Math.round(rate(before, metrics, name)))} a second`
    load.replaceChildren(element('h2', {}, 'Load'), details([
      ['Version', values.find(value => value.name === 'a8registry_build_info')?.labels.version],
      ['Instances', count(total(values, 'a8registry_instances'))],
      ['Requests', perSecond('a8registry_http_requests_total')],
      ['Heartbeats', perSecond('a8registry_renewals_total')],
      ['Registrations', perSecond('a8registry_registrations_total')],
      ['Expired', perSecond('a8registry_expirations_total')],
      ['Watchers', count(total(values, 'a8registry_watches'))],
      ['Connections', count(total(values, 'a8registry_open_connections'))],
      ['CPU', before === null ? '…' : `${(100 * rate(before, metrics, 'process_cpu_seconds_total')).toFixed(1)} % of a core`],
      ['Memory', `${count(Math.round(total(values, 'process_resident_memory_bytes') / 1048576))} MiB`],
    ]))
    const statuses = values.filter(value => value.name === 'a8registry_http_refusals_total' && value.value > 0)
    refused.replaceChildren(element('h2', {}, 'Refused since the start'), statuses.length === 0 ? element('p', {}, 'Nothing was refused.')
      : details(statuses.map(({ labels, value }) => [labels.status, `${count(value)}: ${reasons[labels.status] ?? ''}`])))
    before = metrics
  })
}

// A view that asks again two seconds after each answer. A refusal stands above it until the next answer.
function asking(title, content, ask) {
  const ending = new AbortController()
  const refusal = element('p', { role: 'alert', class: 'refusal', hidden: true })
  ;(async () => {
    while (!ending.signal.aborted) {
      try {
        await ask(ending.signal)
        refusal.hidden = true
      } catch (error) {
        if (ending.signal.aborted) return
        refusal.textContent = error.message
        refusal.hidden = false
      }
      await pause(often, ending.signal)
    }
  })()
  return { title, element: element('section', { class: 'view' }, refusal, content), stop: () => ending.abort() }
}
