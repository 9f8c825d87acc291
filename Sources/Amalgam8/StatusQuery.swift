// What a request says of a status that is to count: by its query, or by a body `{"status":"…"}` (docs/rest-api.md, R290,
// R295).

import Catalog
import HTTP
import JSON
import RegistryCore
import Serving

struct StatusQuery {
    /// What a request without a query says.
    private var status: String?
    private var duration: String?

    /// Throws for an unknown parameter, a bad escape, a parameter given twice, and a body that is no such object.
    init(_ request: Request) throws(Refused) {
        try read(request, knowing: ["value", "for"], "the query parameters are value, for and namespace")
        guard status == nil, !request.body.isEmpty else { return }
        try MediaType.requireJSON(request.head)
        status = try Self.status(in: request.body)
    }

    private mutating func read(_ request: Request, knowing names: [String], _ sentence: String) throws(Refused) {
        do throws(Refusal) {
            for parameter in try QueryParameter.parse(request.head.query) {
                // It was judged with the credential.
                if parameter.name == "namespace" { continue }
                guard names.contains(parameter.name) else { throw Refusal(.badRequest, sentence) }
                if parameter.name == "value" { status = parameter.value } else { duration = parameter.value }
            }
        } catch { throw .malformed(error) }
    }

    /// What is asked for at a moment.
    func order(at moment: Moment) throws(Refused) -> OverrideOrder {
        guard let status else { throw .invalid("value is required: the status that is to count") }
        guard let wish = OverrideWish(status: status, duration: duration) else {
            throw .invalid(
                "value must be 1 to \(StatusOverride.statusLimit) visible ASCII characters without a comma, and for a "
                    + "duration above zero, such as 30m")
        }
        return .set(wish.status, until: wish.end(at: moment))
    }

    /// The drain that a request asks for, whose body is ignored.
    static func drain(_ request: Request) throws(Refused) -> OverrideOrder {
        var query = StatusQuery()
        try query.read(request, knowing: ["for"], "the query parameters are for and namespace")
        guard let span = OverrideWish.drain(for: query.duration) else {
            throw .invalid("for must be a duration above zero, such as 30s")
        }
        return .drain(for: span)
    }

    private init() {}

    private static func status(in body: [UInt8]) throws(Refused) -> String? {
        do throws(JSONError) {
            var reader = JSONReader(body)
            var status: String?
            try reader.enterObject()
            while let key = try reader.nextKey() {
                if key == "status" { status = try reader.readString() } else { try reader.skipValue() }
            }
            try reader.finish()
            return status
        } catch { throw .invalid(error.sentence) }
    }
}
