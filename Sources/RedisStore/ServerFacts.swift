// What a server of Redis says of itself when a connection to it begins. What is refused, and what is only worth a line
// in the log, follows from it.

/// A server that has been greeted, as it was at that moment.
package struct ServerFacts: Sendable, Equatable {
    /// Names this run of the server; another one has another.
    package var runID: String
}
