// Who asks, and how requests are made. The token is kept in this object alone: in no URL, cookie or storage, so it is
// gone when the page is.

export class RequestError extends Error {
  // `status` is 0 where there was no answer. `retryAfter` is in seconds.
  constructor(status, sentence, retryAfter) {
    super(sentence)
    this.status = status
    this.retryAfter = retryAfter
  }
}

// Silence for as long means that nobody answers any more.
const answerDeadline = 15_000

export class Session {
  token = null
  // Whether whoever signed in says that it may see all namespaces.
  isOperator = false
  // What an operator has chosen; null is the namespace of the credential.
  namespace = null
  // The page is at /ui/, wherever a proxy may have put that.
  #base = new URL('../', document.baseURI)

  // `path` is relative to the registry's own root: 'api/v1/services'.
  url(path, query = {}) {
    const url = new URL(path, this.#base)
    for (const [key, value] of Object.entries(query)) if (value !== undefined && value !== '') url.searchParams.set(key, value)
    if (this.namespace !== null && path.startsWith('api/')) url.searchParams.set('namespace', this.namespace)
    return url
  }

  // The answer, once its head is there. Throws a RequestError for a status of 400 or more, and where there is no answer.
  async open(path, { method = 'GET', query, headers = {}, signal, accept = [] } = {}) {
    let answer
    try {
      answer = await fetch(this.url(path, query), {
        method, signal, cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
        headers: this.token === null ? headers : { ...headers, Authorization: `Bearer ${this.token}` },
      })
    } catch (error) {
      if (signal?.aborted && signal.reason?.name !== 'TimeoutError') throw error
      throw new RequestError(0, 'The registry does not answer.')
    }
    if (answer.ok || accept.includes(answer.status)) return answer
    throw new RequestError(answer.status, await sentence(answer), Number(answer.headers.get('Retry-After')) || undefined)
  }

  async json(path, options = {}) {
    return (await this.open(path, withDeadline(options))).json()
  }

  async text(path, options = {}) {
    return (await this.open(path, withDeadline(options))).text()
  }
}

function withDeadline(options) {
  const deadline = AbortSignal.timeout(answerDeadline)
  return { ...options, signal: options.signal ? AbortSignal.any([options.signal, deadline]) : deadline }
}

async function sentence(answer) {
  const body = await answer.text().catch(() => '')
  try {
    return JSON.parse(body).Error ?? body
  } catch {
    return body || `The registry answered ${answer.status}.`
  }
}
