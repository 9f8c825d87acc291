// Every way in which the registry says no to a request that could be read, and the one place that turns each into a
// status. The sentences are ours to change; the statuses are the contract (docs/rest-api.md, "Errors").

package import HTTP
package import RegistryCore

/// Why a request was not carried out. Nothing has changed, unless the case says so.
package enum Refused: Error, Sendable {
    /// The path or query is not well-formed (R805–R809).
    case malformed(Refusal)
    /// A plain request where HTTPS is required; the URL is the same under https (R610). `isReading`: of GET or HEAD.
    case plain(secureURL: String, isReading: Bool)
    /// A URL of https was asked for over a plain connection (R126).
    case misdirected
    case noSuchResource
    /// The path exists, the method does not; `allow` lists those that do (R103).
    case methodNotAllowed(allow: String)
    /// No credential, or a bad one (R503).
    case unauthorized(String)
    /// A good credential that is not an operator's, where one is needed (R524).
    case operatorOnly
    /// Another member is meant, by the query, than this one (R679).
    case otherMember
    /// No part of the store waits for an operator's word (R633).
    case nothingToSettle
    /// A good credential of another namespace than the one that was asked for (R522).
    case otherNamespace
    /// Whether the credential is good cannot be said now (J304, J306); the sentence says why.
    case unverified(String)
    /// A condition of the request does not hold (R835).
    case conditionFailed
    /// A body that is not said to be JSON; what it is said to be, if anything (R206).
    case notJSON(mediaType: String?)
    /// A body in a content coding, such as gzip (R830).
    case encoded(coding: String)
    /// Something the client sent cannot be used; the sentence names it.
    case invalid(String)
    case namespaceFull(QuotaUse)
    /// As many statuses are set by operators as may be (R293).
    case tooManyOverrides
    /// A look-up of an instance that the namespace does not have (R251).
    case noSuchInstance
    /// A heartbeat for an instance that the namespace does not have (R255).
    case instanceGone
    /// The removal of an instance that the namespace does not have (R255).
    case alreadyGone
    /// A heartbeat for, or the removal of, an instance that is read from somewhere else (R684).
    case ofSource(SourceKind)
    case noSuchService
    /// A datacenter other than the one that there is (docs/consul.md, C304).
    case noSuchDatacenter
    /// The same, where a client may wait for the service by this tag (W103).
    case noServiceYet(tag: String)
    /// As many answers are held as may be (W106).
    case tooManyWatches
    /// As many answers are held as the namespace may have (R854).
    case tooManyWatchesOfNamespace(QuotaUse)
    /// This member has not copied yet what the others have, and cannot know (R620–R622).
    case noCopyYet
    /// Other members may know of what is unknown here, and have not all been asked (R271–R273).
    case notSure
    /// The store that must have changes takes none now; nothing has changed (docs/redis.md, D201).
    case storeAway
    /// The store has not said in time whether it has the change: it may have been made (docs/redis.md, D202).
    case outcomeUnknown
    /// This member is leaving the cluster, and the others would not receive a change any more (R626).
    case leaving
    /// An allowance is used up; the same request may be made again in this many seconds (R824).
    case tooManyRequests(RateLimits.Limit, retryAfter: Int, of: RateQuota? = nil)
    /// The answers that wait for clients have reached their limit (R828).
    case noRoom
    /// The list would take more memory than lists that are being made may (R842).
    case renderingTooLarge
    /// Too many lists are to be made, or this one was not made in time (R843).
    case renderingBusy
    /// No client waits for the list any more, so it is not rendered.
    case renderingAbandoned

    /// The answer, in a protocol's own form.
    package func response(in format: ErrorFormat) -> Response {
        var response = unworded
        guard response.status.rawValue >= 400, let sentence = response.refusal else { return response }
        let worded = format.response(to: Refusal(response.status, sentence))
        response.contentType = worded.contentType
        response.body = worded.body
        return response
    }

    /// The answer without a body.
    private var unworded: Response {
        switch self {
        case .malformed(let refusal): Self.error(refusal.status, refusal.sentence)
        case .plain(let url, let isReading): Self.redirect(to: url, isReading: isReading)
        case .misdirected:
            Self.error(
                .misdirectedRequest,
                "the URL is https, but the request came over a connection without TLS")
        case .noSuchResource: Self.error(.notFound, "there is nothing at this path")
        case .methodNotAllowed(let allow): Self.methodNotAllowed(allow)
        case .unauthorized(let sentence): Self.unauthorized(sentence)
        case .operatorOnly: Self.error(.forbidden, "the credential is good, but this is for operators only")
        case .otherMember:
            Self.error(
                .conflict, "this is another member than the one in the query: ask that one by an address of its own")
        case .nothingToSettle:
            Self.error(.conflict, "no part of the store waits for an operator's word: nothing is changed")
        case .otherNamespace:
            Self.error(
                .forbidden,
                "the credential is not good for the namespace in the query: leave namespace out, or ask as an operator")
        case .unverified(let sentence): Self.unavailable(sentence)
        case .conditionFailed:
            Self.error(
                .preconditionFailed,
                "the condition in If-Match or If-None-Match does not hold: no resource here has a strong entity tag")
        case .notJSON(let mediaType): Self.error(.unsupportedMediaType, Self.wrongMediaType(mediaType))
        case .encoded(let coding):
            Self.error(
                .unsupportedMediaType,
                "the body has Content-Encoding: \(Self.shortened(coding)), and must not be encoded")
        case .invalid(let sentence): Self.error(.badRequest, sentence)
        case .namespaceFull(let use):
            Self.error(
                .forbidden,
                "\(use.words): deregister instances, or have \(use.quota == nil ? "NAMESPACE_CAPACITY" : "the quota") raised"
            )
        case .tooManyOverrides:
            Self.error(.forbidden, "as many statuses are overridden as may be: remove some, or ask again later")
        case .noSuchInstance: Self.error(.notFound, "there is no such instance in this namespace")
        case .instanceGone: Self.error(.gone, "there is no such instance in this namespace: register it again")
        case .alreadyGone:
            Self.error(
                .gone,
                "there is no such instance in this namespace: it was removed, has expired or never existed")
        case .ofSource(let source): Self.error(.gone, source.sentence)
        case .noSuchDatacenter: Self.error(.internalServerError, "No path to datacenter")
        case .noSuchService: Self.error(.notFound, Self.noService)
        case .noServiceYet(let tag): Self.noServiceYet(tag)
        case .tooManyWatches: Self.tooManyWatches(Self.manyWatches)
        case .tooManyWatchesOfNamespace(let use):
            Self.tooManyWatches("\(use.words): ask again, or have the quota raised")
        case .noCopyYet: Self.noCopyYet()
        case .notSure: Self.notSure()
        case .storeAway:
            Self.unavailable("the store of this registry takes no changes now: ask again")
        case .outcomeUnknown:
            Self.unavailable(
                "the store has not said in time whether it has the change: repeat the request, which is safe")
        case .leaving: Self.leaving()
        case .noRoom: Self.noRoom()
        case .renderingTooLarge:
            Self.unavailable(
                "this list would take too much memory with those being rendered: narrow it by filters or fields, or ask again later"
            )
        case .renderingBusy, .renderingAbandoned:
            Self.unavailable("too many long lists are being rendered: ask again later")
        case .tooManyRequests(let limit, let seconds, let quota): Self.tooMany(limit, seconds, quota)
        }
    }

    /// The most characters of its input that a client is shown.
    private static let shownCharacters = 64

    package static func shortened(_ text: String) -> String {
        let head = text.prefix(shownCharacters)
        return String(head) + (head.endIndex < text.endIndex ? "…" : "")
    }

    /// The most unknown fields that the sentence names.
    package static let shownKeys = 3

    /// What to add to the sentence about a missing field: the keys that came and are none, if there are any.
    package static func unknownKeys(_ keys: [String], in container: String) -> String {
        guard !keys.isEmpty else { return "" }
        let shown = keys.prefix(shownKeys).joined(separator: ", ")
        return "; unknown fields in the \(container): \(shown)\(keys.count > shownKeys ? ", …" : "")"
    }

    private static func wrongMediaType(_ sent: String?) -> String {
        "the body must come with Content-Type: application/json, and came "
            + (sent.map { "with \(shortened($0))" } ?? "without one")
    }

    /// When to ask again while a copy is being made, in seconds: copies take seconds.
    private static let copyTime = 1

    private static func noCopyYet() -> Response {
        var response = error(
            .serviceUnavailable,
            "this member of the cluster is not ready, because it is still copying: ask again, or ask another member")
        response.fields.append(.retryAfter, copyTime)
        return response
    }

    /// A second is ten times as long as members wait for one another.
    private static func notSure() -> Response {
        var response = error(
            .serviceUnavailable,
            "this member does not know the instance and cannot ask all other members now: ask again, or ask another member"
        )
        response.fields.append(.retryAfter, copyTime)
        return response
    }

    private static func leaving() -> Response {
        var response = error(.serviceUnavailable, "this registry is stopping: ask another member")
        response.fields.append(.retryAfter, copyTime)
        return response
    }

    private static func noServiceYet(_ tag: String) -> Response {
        var response = error(.notFound, noService)
        response.fields.append(.entityTag, tag)
        return response
    }

    private static let noService = "there is no such service in this namespace"

    /// When a client that is one watch too many may try again, in seconds.
    private static let watchTime = 5

    private static let manyWatches =
        "as many clients wait for changes as MAX_WATCHES allows: ask again, or ask another member"

    private static func tooManyWatches(_ sentence: String) -> Response {
        var response = error(.tooManyRequests, sentence)
        response.fields.append(.retryAfter, watchTime)
        return response
    }

    /// When to ask again while others are reading, in seconds: a client that reads nothing is closed within one.
    private static let readingTime = 1

    private static func noRoom() -> Response {
        var response = error(
            .serviceUnavailable,
            "the memory for answers that clients are reading is used up: ask again, or ask another member")
        response.fields.append(.retryAfter, readingTime)
        return response
    }

    /// When to ask again for a list that was not made, or with a token that was not verified, in seconds.
    private static let makingTime = 1

    private static func unavailable(_ sentence: String) -> Response {
        var response = error(.serviceUnavailable, sentence)
        response.fields.append(.retryAfter, makingTime)
        return response
    }

    private static func tooMany(_ limit: RateLimits.Limit, _ seconds: Int, _ quota: RateQuota?) -> Response {
        var response = error(.tooManyRequests, limit.sentence + (quota.map { " (\($0.words))" } ?? ""))
        response.fields.append(.retryAfter, seconds)
        return response
    }

    private static func error(_ status: HTTP.Status, _ sentence: String) -> Response {
        var response = Response(status)
        response.refusal = sentence
        return response
    }

    /// To 301 many clients answer with a GET, whatever the method was, and take its 200 for what they wanted; 308
    /// forbids that (RFC 9110, section 15.4.9).
    private static func redirect(to url: String, isReading: Bool) -> Response {
        var response = Response(isReading ? .movedPermanently : .permanentRedirect)
        response.fields.append(.location, url)
        response.refusal = "https is required"
        return response
    }

    private static func methodNotAllowed(_ allow: String) -> Response {
        var response = error(.methodNotAllowed, "this path supports \(allow) only")
        response.fields.append(.allow, allow)
        return response
    }

    private static func unauthorized(_ sentence: String) -> Response {
        var response = error(.unauthorized, sentence)
        response.fields.append(.challenge, "Bearer")
        return response
    }
}
