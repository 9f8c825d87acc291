// How far ahead of the time a change may be stamped. Whatever is taken over becomes the time of the member that takes
// it, so what no clock can have said is refused; and this member's clock, which may be the wrong one, does not decide
// it, but the median of all.

import Catalog

/// What is believed of the time, and of stamps.
struct StampBelief: Sendable {
    private static let year: Int64 = 31_557_600_000
    /// Milliseconds ahead of the members' median clock: eleven years. Clocks are wrong by ten, and changes that were
    /// made before that was noticed must stand.
    static let aheadOfMedian = 11 * year
    /// Milliseconds ahead of our own clock while there is no median, since neither of two members knows whose clock is
    /// wrong: a hundred years. To a clock that was never set, and says 1970, all others' are decades ahead.
    static let aheadOfOwn = 100 * year

    /// Milliseconds since 1970.
    let now: Int64
    private let reach: Int64

    /// - Parameters:
    ///   - median: the median of the members' clocks, in milliseconds since 1970; nil when there is none.
    ///   - own: our own.
    init(median: Int64?, own: Int64) {
        now = median ?? own
        reach = median == nil ? Self.aheadOfOwn : Self.aheadOfMedian
    }

    /// The latest stamp that is believed.
    var latest: HybridTime { HybridTime(milliseconds: now + reach) }

    /// Throws when a stamp is further ahead.
    func check(_ version: Version) throws(FrameError) {
        let ahead = version.time.milliseconds - now
        guard ahead <= reach else { throw .future(milliseconds: ahead) }
    }
}
