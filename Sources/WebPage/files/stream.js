// Reads a stream of server-sent events by fetch, since EventSource sends no credential, and connects again as it would.

// Cuts text into events (https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6). Feed it what
// arrives, in pieces of any size.
export class EventParser {
  #rest = ''
  #event = { type: '', data: [] }
  lastID = null
  retry = null

  feed(text) {
    const events = []
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop()
    for (const line of lines) {
      const event = this.#line(line)
      if (event) events.push(event)
    }
    return events
  }

  #line(line) {
    if (line === '') {
      const { type, data } = this.#event
      this.#event = { type: '', data: [] }
      return data.length > 0 ? { type: type || 'message', data: data.join('\n') } : null
    }
    const colon = line.indexOf(':')
    if (colon === 0) return null
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#event.type = value
    else if (field === 'data') this.#event.data.push(value)
    else if (field === 'id' && !value.includes('\0')) this.lastID = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value)
    return null
  }
}

// The registry sends at least a comment every 15 seconds.
const silence = 40_000
const firstWait = 2_000
const longestWait = 30_000

// Follows `path` until `signal` ends it. `onEvent` takes each event with its data parsed, `onState` takes 'live',
// 'connecting' or the RequestError for which it waits. A 401 or 403 ends it: `onState` has it, and nobody asks again.
export async function follow(session, path, { query, signal, onEvent, onState }) {
  let lastID = null
  let wait = firstWait
  let failures = 0
  while (!signal.aborted) {
    onState('connecting')
    let cause = null
    try {
      const connection = new AbortController()
      const stop = () => connection.abort()
      signal.addEventListener('abort', stop, { once: true })
      let timer = setTimeout(stop, silence)
      try {
        const answer = await session.open(path, {
          query, signal: connection.signal, headers: lastID === null ? {} : { 'Last-Event-ID': lastID },
        })
        onState('live')
        const parser = new EventParser()
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
        for (;;) {
          const { done, value } = await reader.read()
          if (done) break
          clearTimeout(timer)
          timer = setTimeout(stop, silence)
          for (const event of parser.feed(value)) onEvent(event.type, JSON.parse(event.data))
          lastID = parser.lastID ?? lastID
          wait = parser.retry ?? wait
          failures = 0
        }
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
        connection.abort()
      }
    } catch (error) {
      cause = error
    }
    if (signal.aborted) return
    if (cause?.status === 401 || cause?.status === 403) return onState(cause)
    const backoff = Math.min(longestWait, wait * 2 ** Math.min(failures, 5)) * (0.75 + Math.random() / 2)
    failures += 1
    onState(cause?.status === undefined ? { status: 0, message: 'The connection ended.' } : cause)
    await pause(Math.max(backoff, (cause?.retryAfter ?? 0) * 1000), signal)
  }
}

// Waits for so many milliseconds, or until the signal.
export function pause(milliseconds, signal) {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, milliseconds)
    signal?.addEventListener('abort', () => { clearTimeout(timer); resolve() }, { once: true })
  })
}
