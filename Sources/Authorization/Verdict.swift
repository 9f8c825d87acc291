// What a scheme says of a token. The three answers are what lets several schemes be asked in turn.

/// A scheme's answer for one token at one time.
enum Verdict: Equatable {
    /// The token is good for this, and for as long as the window says.
    case recognised(Principal, ValidityWindow)
    /// The token has the scheme's form and is bad: no other scheme is asked.
    case refused(AuthorizationRefusal)
    /// The token has not the scheme's form: the next scheme is asked.
    case notMine
}

extension Verdict {
    /// What was recognised; nil when another scheme is to be asked. Throws what was refused.
    func recognised() throws(AuthorizationRefusal) -> (Principal, ValidityWindow)? {
        switch self {
        case .recognised(let principal, let window): (principal, window)
        case .refused(let refusal): throw refusal
        case .notMine: nil
        }
    }
}

/// The whole seconds since 1970 at which a token is valid: `from` and later, but before `until`.
struct ValidityWindow: Equatable {
    static let always = ValidityWindow(from: .min, until: .max)

    var from: Int64
    var until: Int64

    func contains(_ now: Int64) -> Bool { from <= now && now < until }
}
