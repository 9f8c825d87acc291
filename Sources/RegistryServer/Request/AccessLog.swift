// One line a request at level info, on a path of its own: swift-log would build a dictionary for each. A loop's lines are rendered in a buffer
// of the loop's and handed over whole.

import HTTP
import Libevent
import Telemetry

/// Writes the access lines of one loop. Not Sendable.
public final class AccessLog {
    private let pipe: LogPipe
    private let format: LogFormat
    private var timestamps = TimestampFormatter()
    private var line: [UInt8] = []

    public init(_ pipe: LogPipe, format: LogFormat) {
        self.pipe = pipe
        self.format = format
    }

    func append(_ call: borrowing Call, _ response: Response, microseconds: Int) {
        // To HEAD nothing of the body is sent.
        let bytes = call.request.head.method == .head ? 0 : response.body.count
        // The path only: a query may be anything, and a path holds no credential of this API.
        write(
            AccessLine(
                nanoseconds: call.moment.wall, requestID: Array(response.requestID.value.utf8), namespace: call.namespace?.name ?? "",
                operation: call.operation.name, method: "\(call.request.head.method.name)", path: call.request.head.path,
                status: Int(response.status.rawValue), bytes: bytes, microseconds: microseconds,
                client: call.request.clientAddress))
    }

    /// The line of a request that could not be read: nothing of it is known but that it came.
    func append(_ refusal: Refusal, _ requestID: RequestID, from client: String?, at wall: Int64) {
        write(
            AccessLine(
                nanoseconds: wall, requestID: Array(requestID.value.utf8), namespace: "", operation: Operation.unmatched.name, method: "",
                path: [], status: Int(refusal.status.rawValue), bytes: refusal.body.count, microseconds: 0, client: client))
    }

    private func write(_ access: AccessLine) {
        line.removeAll(keepingCapacity: true)
        access.append(to: &line, format: format, timestamps: &timestamps)
        pipe.append(line)
    }
}
