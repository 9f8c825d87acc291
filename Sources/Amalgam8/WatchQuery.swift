// What `GET /api/v1/watch` is asked for: the filters of a listing, and what the client knows already.

import Catalog
import HTTP
import Serving

/// The instances that a client watches.
struct WatchQuery {
    let filter: ListQuery
    /// The bytes that ask for them: the query without `since`.
    let key: [UInt8]
    /// The id of the last event that the client has seen; nil where it does not say one.
    let since: String?

    /// Throws for what a listing refuses, and for `fields`: an event shows an instance as a whole.
    init(_ query: ArraySlice<UInt8>?) throws(Refused) {
        let taken = try TakenParameter("since", from: query ?? [])
        since = taken.value
        key = taken.rest
        filter = try ListQuery(key[...], of: .watched)
    }
}
