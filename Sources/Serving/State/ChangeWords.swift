// A change as it is shown, by the events of an API and by the lines of the event log alike.

package import Catalog

extension Change {
    /// Since 1970.
    package var nanoseconds: Int64 {
        microseconds.multipliedReportingOverflow(by: 1_000).overflow ? .max : microseconds * 1_000
    }
}

extension Change.Kind {
    /// As events and their log lines have it. What an operator says of a status is an update to them.
    package var literal: StaticString {
        switch self {
        case .registered: "registered"
        case .updated, .overridden, .drained, .overrideRemoved: "updated"
        case .refreshed: "refreshed"
        case .deregistered: "deregistered"
        case .expired: "expired"
        case .returned: "returned"
        }
    }
}
