// What the page can change. Each change is shown before it is made, and is made only when that is confirmed.

import { element } from './dom.js'

const statuses = ['OUT_OF_SERVICE', 'UP', 'DOWN', 'STARTING']
const spans = { 'until it is lifted': '', '10 minutes': '10m', '1 hour': '1h', '1 day': '24h' }

// What `context.done` does is done after each change.
export function serviceActions(context, name) {
  const path = `api/v1/services/${encodeURIComponent(name)}`
  return [
    action(context, 'Set status of all…', {
      title: `Set the status of all instances of ${name}?`, confirm: 'Set status',
      text: 'It counts for those that register while it stands as well, but for none that has a status set for itself.',
      fields: statusFields(),
      request: form => ({ method: 'PUT', path: `${path}/status`, query: { value: form.get('status'), for: form.get('for') } }),
    }),
    action(context, 'Lift status of all…', {
      title: `Lift the status that was set for all instances of ${name}?`, confirm: 'Lift',
      text: 'What each says of itself, or was set for itself, counts again.',
      request: () => ({ method: 'DELETE', path: `${path}/status` }),
    }),
    action(context, 'Drain all…', {
      title: `Drain all instances of ${name}?`, danger: true, confirm: 'Drain all',
      text: 'They are out of service now, those that register meanwhile as well, and are deregistered when the time is over.',
      fields: [drainField()],
      request: form => ({ method: 'PUT', path: `${path}/drain`, query: { for: form.get('for') } }),
    }),
  ]
}

export function instanceActions(context, instance) {
  const path = `api/v1/instances/${encodeURIComponent(instance.id)}`
  const what = `${instance.service_name} at ${instance.endpoint.value ?? instance.endpoint.type}`
  return [
    action(context, 'Set status…', {
      title: `Set the status of ${what}?`, confirm: 'Set status',
      text: 'It counts in place of what the instance says of itself, in every protocol.',
      fields: statusFields(),
      request: form => ({ method: 'PUT', path: `${path}/status`, query: { value: form.get('status'), for: form.get('for') } }),
    }),
    action(context, 'Lift status…', {
      title: `Lift the status that was set for ${what}?`, confirm: 'Lift',
      text: 'What it says of itself counts again.',
      request: () => ({ method: 'DELETE', path: `${path}/status` }),
    }),
    action(context, 'Drain…', {
      title: `Drain ${what}?`, danger: true, confirm: 'Drain',
      text: 'It is out of service now, so that nobody new is sent there, and is deregistered when the time is over.',
      fields: [drainField()],
      request: form => ({ method: 'PUT', path: `${path}/drain`, query: { for: form.get('for') } }),
    }),
    action(context, 'Deregister…', {
      title: `Deregister ${what}?`, danger: true, confirm: 'Deregister',
      text: 'It is gone from every answer at once. A client that goes on sending heartbeats is told to register again.',
      request: () => ({ method: 'DELETE', path }),
    }),
  ]
}

// Of the member that answers, for operators. `show` is told whether the member is drained, and its boot_id, by which
// another member that a balancer has answer instead knows that it is not meant.
export function memberActions(context) {
  const path = 'api/v1/cluster/drain'
  let member
  const drain = action(context, 'Drain this member…', {
    title: 'Drain this member?', danger: true, confirm: 'Drain',
    text: 'It is not ready from now on, so that balancers send no more requests to it. It answers and replicates as before; what is held, and streams, end, so that their clients go to another member. It is ready again when this is taken back, or when it is started again.',
    request: () => ({ method: 'PUT', path, query: { member } }),
  })
  const lift = action(context, 'Take it back…', {
    title: 'Take the drain of this member back?', confirm: 'Take it back',
    text: 'It is ready again, and balancers send requests to it.',
    request: () => ({ method: 'DELETE', path, query: { member } }),
  })
  const all = element('div', { class: 'actions', hidden: true }, drain, lift)
  return {
    element: all,
    show(isDrained, id) {
      member = id
      all.hidden = !context.session.isOperator
      drain.hidden = isDrained
      lift.hidden = !isDrained
    },
  }
}

const statusFields = () =>
  [select('status', 'Status', Object.fromEntries(statuses.map(status => [status, status]))), select('for', 'For', spans)]
const drainField = () => select('for', 'After', { '30 seconds': '30s', '2 minutes': '2m', '10 minutes': '10m' })

function select(name, label, options) {
  return element('label', {}, `${label} `, element('select', { name }, Object.entries(options).map(([text, value]) =>
    element('option', { value }, text))))
}

function action(context, label, question) {
  return element('button', { type: 'button', class: question.danger ? 'danger' : undefined, click: () => ask(context, question) }, label)
}

// Asks, and does it. A refusal stays in the dialog, in the registry's words.
function ask({ session, tell, done }, { title, text, fields = [], confirm, danger, request }) {
  const refusal = element('p', { role: 'alert', class: 'refusal', hidden: true })
  const sure = element('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, confirm)
  const form = element('form', {
    method: 'dialog',
    submit: async event => {
      event.preventDefault()
      sure.disabled = true
      const { method, path, query } = request(new FormData(form))
      try {
        await session.json(path, { method, query }).catch(error => { if (!(error instanceof SyntaxError)) throw error })
        dialog.close()
        tell(`Done: ${title.replace(/\?$/, '')}.`)
        done?.()
      } catch (error) {
        refusal.textContent = error.message
        refusal.hidden = false
        sure.disabled = false
      }
    },
  }, element('h2', { id: 'question' }, title), element('p', {}, text), fields, refusal,
  element('div', { class: 'actions' }, sure, element('button', { type: 'button', click: () => dialog.close() }, 'Cancel')))
  const dialog = element('dialog', { 'aria-labelledby': 'question', close: () => dialog.remove() }, form)
  document.body.append(dialog)
  dialog.showModal()
}
