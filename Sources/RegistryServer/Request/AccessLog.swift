// One line a request at level info, on a path of its own: swift-log would build a dictionary for each. A loop's lines are rendered in a buffer
// of the loop's and handed over whole.

import Catalog
import HTTP
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

    func append(
        _ request: Request, _ response: Response, _ operation: Operation, _ namespace: Namespace?, at wall: Int64, microseconds: Int
    ) {
        line.removeAll(keepingCapacity: true)
        // The path only: a query may be anything, and a path holds no credential of this API.
        AccessLine(
            nanoseconds: wall, requestID: Array(response.requestID.value.utf8), namespace: namespace?.name ?? "",
            operation: operation.name, method: "\(request.head.method.name)", path: request.head.path,
            status: Int(response.status.rawValue), bytes: response.body.count, microseconds: microseconds, client: request.clientAddress
        ).append(to: &line, format: format, timestamps: &timestamps)
        pipe.append(line)
    }
}
