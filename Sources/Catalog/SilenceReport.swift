// What the log says of namespaces in which many fell silent at once. There may be any number of such namespaces, so
// only some are named.

/// That leases of a namespace begin to be held, or are no longer.
package struct SilenceReport: Sendable, Equatable {
    package enum Event: Sendable, Equatable {
        /// Of so many instances, so many may run out in the minute, and have.
        case began(instances: Int, allowance: Int, ranOut: Int)
        /// What became of the instances meanwhile, and how long it was.
        case ended(ranOut: Int, returned: Int, milliseconds: Int64)
    }

    package let namespace: Namespace
    package let event: Event

    package init(namespace: Namespace, event: Event) {
        self.namespace = namespace
        self.event = event
    }
}

/// Reports that are to be written, and how many there were beside them.
package struct SilenceReports: Sendable, Equatable {
    package private(set) var all: [SilenceReport] = []
    package private(set) var leftOut = 0

    package init() {}

    package var isEmpty: Bool { all.isEmpty && leftOut == 0 }

    mutating func add(_ event: SilenceReport.Event, _ namespace: Namespace) {
        guard all.count < Silence.reportLimit else { return leftOut += 1 }
        all.append(SilenceReport(namespace: namespace, event: event))
    }

    static func += (left: inout SilenceReports, right: SilenceReports) {
        left.all += right.all
        left.leftOut += right.leftOut
    }
}
