// One line a request, on a path of its own: swift-log would build a dictionary for each. A loop's lines are rendered in
// a buffer of the loop's and handed over whole.

import Catalog
package import HTTP
import Libevent
import RegistryCore
package import Telemetry

/// Writes the access lines of one loop. Not Sendable.
package final class AccessLog {
    private let pipe: LogPipe
    private let format: LogFormat
    private let rule: AccessLogRule
    private let memberName: String?
    private var timestamps = TimestampFormatter()
    private var line: [UInt8] = []

    /// - Parameter memberName: what a cluster knows this registry by; nil when it is alone.
    package init(_ pipe: LogPipe, format: LogFormat, rule: AccessLogRule, memberName: String? = nil) {
        self.memberName = memberName
        self.pipe = pipe
        self.format = format
        self.rule = rule
    }

    /// - Parameter bytes: of the answer's body.
    package func append(
        _ call: borrowing Call, _ response: borrowing Response, _ id: RequestID, bytes: Int, microseconds: Int
    ) {
        guard
            rule.admits(
                response.status, isProbe: call.operation.purpose == .probe || call.request.head.method == .options)
        else {
            return
        }
        // To HEAD nothing of the body is sent.
        let bytes = call.request.head.method == .head ? 0 : bytes
        // The path only: a query may be anything.
        write(
            AccessLine(
                nanoseconds: call.moment.wall, requestID: Array(id.value.utf8), namespace: call.namespace?.name ?? "",
                operation: call.operation.name, method: "\(call.request.head.method.name)",
                path: LoggedTarget.path(call.request.head.path),
                status: Int(response.status.rawValue), bytes: bytes, microseconds: microseconds,
                client: call.client, error: response.refusal))
    }

    /// The line of a request that could not be read: nothing of it is known but its first bytes.
    package func append(
        _ refusal: Refusal, _ received: [UInt8], _ requestID: RequestID, bytes: Int, from client: String?,
        at wall: Int64
    ) {
        guard rule.admits(refusal.status, isProbe: false) else { return }
        write(
            AccessLine(
                nanoseconds: wall, requestID: Array(requestID.value.utf8), namespace: "",
                operation: Operation.unmatched.name, method: "",
                path: [], status: Int(refusal.status.rawValue), bytes: bytes, microseconds: 0, client: client,
                error: refusal.sentence, received: LoggedTarget.excerpt(received)))
    }

    private func write(_ access: AccessLine) {
        line.removeAll(keepingCapacity: true)
        access.append(to: &line, format: format, timestamps: &timestamps, memberName: memberName)
        pipe.append(line)
    }
}
