// What a scheme says of a token. The three answers are what lets several schemes be asked in turn.

import Catalog

/// A scheme's answer for one token at one time.
enum Verdict: Equatable {
    /// The token is good for this namespace, and for as long as the window says.
    case recognised(Namespace, ValidityWindow)
    /// The token has the scheme's form and is bad: no other scheme is asked.
    case refused(AuthorizationRefusal)
    /// The token has not the scheme's form: the next scheme is asked.
    case notMine
}

/// The whole seconds since 1970 at which a token is valid: `from` and later, but before `until`.
struct ValidityWindow: Equatable {
    static let always = ValidityWindow(from: .min, until: .max)

    var from: Int64
    var until: Int64

    func contains(_ now: Int64) -> Bool { from <= now && now < until }
}
