// Which redirects are followed: those to the same server only. A request carries a token or a password, and whoever
// answers in the place of a server, or is tricked into a redirect, must not send it elsewhere.

import HTTP

/// What follows from an answer.
enum RedirectRule: Equatable {
    /// It is the answer.
    case answer
    case follow(HTTPURL)
    /// It leads where we do not go; a sentence without a full stop.
    case refuse(String)

    /// Redirects in a row that are followed.
    static let most = 5

    /// - Parameter count: the redirects that were followed before.
    init(_ head: ReceivedHead, to method: HTTP.Method, at url: HTTPURL, after count: Int) {
        guard [301, 302, 303, 307, 308].contains(head.status), method == .get || method == .head,
            let location = head.first("Location")
        else {
            self = .answer
            return
        }
        guard let next = url.resolving(location) else {
            self = .refuse("the server redirects to something that is no URL")
            return
        }
        guard next.hasSameServer(as: url) else {
            self = .refuse("the server redirects to another server (\(next.hostField)), which is not followed")
            return
        }
        self = count < Self.most ? .follow(next) : .refuse("the server redirects more than \(Self.most) times")
    }
}
