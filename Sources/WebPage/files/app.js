// Starts the page: signs in where that is needed, follows the stream, and shows the view that the address names.

import { Catalog } from './catalog.js'
import { element } from './dom.js'
import { eventsView, healthView, membersView, namespacesView, sourcesView } from './pages.js'
import { Session } from './session.js'
import { follow } from './stream.js'
import { instancesView, servicesView } from './views.js'

const views = {
  '/services': servicesView, '/instances': instancesView, '/sources': sourcesView,
  '/members': membersView, '/events': eventsView, '/health': healthView, '/namespaces': namespacesView,
}
const session = new Session()
const catalog = new Catalog()
const content = document.getElementById('content')
const live = document.getElementById('live')
const notice = document.getElementById('notice')
const signInButton = document.getElementById('sign-in')
const signOut = document.getElementById('sign-out')
const namespace = document.getElementById('namespace')
let shown = null
let following = null

function tell(text) {
  notice.textContent = text
  notice.hidden = false
  clearTimeout(tell.timer)
  tell.timer = setTimeout(() => { notice.hidden = true }, 6_000)
}

// The address is #/view?parameters, so that a view can be linked to. It never has a credential.
function show() {
  const [path, query] = location.hash.slice(1).split('?')
  const make = views[path] ?? servicesView
  shown?.stop()
  shown = make({
    session, catalog, tell, choose, parameters: new URLSearchParams(query),
    go: address => { location.hash = address },
    replace: address => history.replaceState(null, '', `#${address}`),
  })
  document.title = `${shown.title} · Registry`
  for (const link of document.querySelectorAll('nav a')) {
    if (link.textContent === shown.title) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  content.replaceChildren(element('h2', { class: 'unseen' }, shown.title), shown.element)
}

function say(state, text) {
  live.dataset.state = state
  live.textContent = text
}

function followStream() {
  following?.abort()
  following = new AbortController()
  catalog.clear()
  follow(session, 'api/v1/watch', {
    query: { status: 'ALL' }, signal: following.signal,
    onEvent: (type, data) => catalog.take(type, data),
    onState: state => {
      if (state === 'live' || state === 'connecting') say(state, state)
      else if (state.status === 401 || state.status === 403) signIn(state.message)
      else say('waiting', state.status === 0 ? 'no answer, trying again' : state.message)
    },
  })
}

// An operator may name any namespace, and is offered those that have an instance. For others that page is not there, so
// it is asked for only by who says so.
async function offerNamespaces() {
  for (const id of ['namespace-label', 'namespaces-link']) document.getElementById(id).hidden = !session.isOperator
  if (!session.isOperator) return
  const page = await session.json('api/v1/namespaces').catch(error => { tell(error.message); return { namespaces: [] } })
  document.getElementById('namespaces').replaceChildren(...page.namespaces.map(({ namespace, instances }) =>
    element('option', { value: namespace }, `${namespace}: ${instances} instances`)))
}

// Goes to the services of a namespace.
function choose(name) {
  namespace.value = name
  session.namespace = name
  followStream()
  location.hash = '/services'
}

namespace.addEventListener('change', () => {
  session.namespace = namespace.value === '' ? null : namespace.value
  followStream()
  show()
})

// Asks for the token: because the registry does, or because whoever looks is an operator, who may also give it up.
function signIn(why, isWanted = false) {
  following?.abort()
  shown?.stop()
  content.replaceChildren()
  catalog.clear()
  say('waiting', 'not signed in')
  if (document.querySelector('dialog.sign-in')) return
  const field = element('input', { type: 'password', id: 'token', autocomplete: 'off', required: !isWanted })
  const operator = element('input', { type: 'checkbox', id: 'operator', checked: session.isOperator || isWanted })
  const giveUp = () => { dialog.remove(); start() }
  const dialog = element('dialog', { class: 'sign-in', 'aria-labelledby': 'sign-in-title', cancel: event => { event.preventDefault(); if (isWanted) giveUp() } },
    element('form', {
      method: 'dialog',
      submit: event => {
        event.preventDefault()
        session.token = field.value === '' ? null : field.value
        session.isOperator = operator.checked
        session.namespace = null
        namespace.value = 'default'
        dialog.remove()
        start()
      },
    }, element('h2', { id: 'sign-in-title' }, 'Sign in'),
    session.token === null ? undefined : element('p', { role: 'alert', class: 'refusal' }, why),
    element('label', { for: 'token' }, 'Token'), field,
    element('label', {}, operator, ' It is an operator’s: show the namespaces to choose from'),
    element('p', {}, 'It is kept in the memory of this page alone, until the page is closed or loaded again.',
      isWanted ? ' Leave it empty if your browser has a client certificate.' : ''),
    element('div', { class: 'actions' }, element('button', { type: 'submit', class: 'primary' }, 'Sign in'),
      isWanted ? element('button', { type: 'button', click: giveUp }, 'Cancel') : undefined)))
  document.body.append(dialog)
  dialog.showModal()
}

signInButton.addEventListener('click', () => signIn('', true))

signOut.addEventListener('click', () => {
  session.token = null
  session.namespace = null
  session.isOperator = false
  signOut.hidden = true
  start()
})

function start() {
  signOut.hidden = session.token === null && !session.isOperator
  signInButton.hidden = !signOut.hidden
  followStream()
  offerNamespaces()
  show()
}

addEventListener('hashchange', show)
start()
