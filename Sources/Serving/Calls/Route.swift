// Routes are data: a method, a path, an operation, and the function that answers. Which paths exist, what `Allow` says
// and what the OpenAPI description must list all come from the same rows.

package import HTTP
import RegistryCore

/// In what the routes of a protocol differ from those of the REST API.
package struct RouteStyle: Sendable {
    /// How refusals are worded.
    package var errors = ErrorFormat.json
    /// The credential of a request, as an Authorization header would have it, where it is not in that header alone.
    package var credential: (@Sendable (borrowing Call) throws(Refused) -> [UInt8]?)?
    /// Whether plain requests are sent to HTTPS with 308 whatever their method, for clients to which 301 is another
    /// request or none.
    package var isAlwaysRedirectedAlike = false
    /// Whether the path is the same with a slash at its end.
    package var takesTrailingSlash = false
    /// Whether the last parameter is all that follows in the path, slashes included.
    package var takesRest = false
    /// Whether refusals of other methods on its path are worded in its way, too.
    package var ownsPath = false
    /// Bytes that a body may have. What is more than that of other routes is read of clients with a credential only.
    package var bodyLimit = RequestLimits().body
    /// Whether the OpenAPI description has the route under another path, which is the same to clients.
    package var isAlias = false

    package init() {}
}

/// One row of the route table.
package final class Route: Sendable {
    /// Answers a call, or refuses it.
    enum Handler: Sendable {
        case atOnce(@Sendable (borrowing Call) throws(Refused) -> Response)
        /// The answer may have to wait.
        case patient(@Sendable (borrowing Call) throws(Refused) -> Reply)
    }

    /// What a path's segment has to be. It holds no reference, so looking at one retains nothing.
    private struct Segment: Sendable {
        /// Where it lies in `text`.
        let range: Range<Int>
        /// Whether it is any one segment, empty excepted.
        let isParameter: Bool
    }

    package let method: Method
    /// As the OpenAPI description writes it: `/api/v1/instances/{id}`.
    package let path: String
    package let operation: Operation
    let handler: Handler
    package let style: RouteStyle
    /// The bytes of `path`.
    private let text: [UInt8]
    private let segments: [Segment]
    /// Which segments of a path are parameters, in the order of the path.
    let parameters: [Int]

    /// How many segments the path has.
    var depth: Int { segments.count }

    package convenience init(
        _ method: Method, _ path: String, _ operation: Operation, errors: ErrorFormat = .json,
        handler: @escaping @Sendable (borrowing Call) throws(Refused) -> Response
    ) {
        var style = RouteStyle()
        style.errors = errors
        self.init(method, path, operation, style, .atOnce(handler))
    }

    package convenience init(
        _ method: Method, _ path: String, _ operation: Operation, errors: ErrorFormat = .json,
        patient handler: @escaping @Sendable (borrowing Call) throws(Refused) -> Reply
    ) {
        var style = RouteStyle()
        style.errors = errors
        self.init(method, path, operation, style, .patient(handler))
    }

    package convenience init(
        _ method: Method, _ path: String, _ operation: Operation, style: RouteStyle,
        handler: @escaping @Sendable (borrowing Call) throws(Refused) -> Response
    ) {
        self.init(method, path, operation, style, .atOnce(handler))
    }

    package convenience init(
        _ method: Method, _ path: String, _ operation: Operation, style: RouteStyle,
        patient handler: @escaping @Sendable (borrowing Call) throws(Refused) -> Reply
    ) {
        self.init(method, path, operation, style, .patient(handler))
    }

    private init(_ method: Method, _ path: String, _ operation: Operation, _ style: RouteStyle, _ handler: Handler) {
        self.method = method
        self.path = path
        self.operation = operation
        self.handler = handler
        self.style = style
        let text = Array(path.utf8)
        self.text = text
        let segments = text.indices.split { text[$0] == UInt8(ascii: "/") }.map { indices in
            let range = indices.startIndex..<indices.endIndex
            return Segment(range: range, isParameter: text[range.lowerBound] == UInt8(ascii: "{"))
        }
        self.segments = segments
        parameters = segments.indices.filter { segments[$0].isParameter }
    }

    /// Whether the path is this route's, whatever the method.
    package func matches(_ path: PathSegments) -> Bool {
        guard
            path.count == segments.count || path.count > segments.count && style.takesRest
                || path.count == segments.count + 1 && path.isEmpty(segments.count)
        else { return false }
        // From the last on: most paths begin alike.
        for index in segments.indices.reversed() {
            let segment = segments[index]
            guard segment.isParameter ? !path.isEmpty(index) : path.segment(index, equals: text, in: segment.range)
            else { return false }
        }
        return true
    }
}

/// All routes, ready to be looked up.
package struct RouteTable: Sendable {
    /// A route, and the place of its operation among all, by which it is counted.
    struct Row {
        let route: Route
        let number: Int
    }

    /// By the number of segments, so that few paths are compared; the last are those of paths that are deeper than any
    /// other.
    private let byCount: [[Row]]
    /// The operations of all routes, each once, and those that belong to none.
    package let operations: [Operation]

    package init(_ routes: [Route]) {
        var operations: [Operation] = []
        let rows = routes.map { route in
            if !operations.contains(route.operation) { operations.append(route.operation) }
            return Row(route: route, number: operations.firstIndex(of: route.operation) ?? 0)
        }
        self.operations = operations + [.options, .unmatched]
        byCount = (0...PathSegments.maximumCount + 1).map { count in
            rows.filter {
                $0.route.depth == count || $0.route.style.takesTrailingSlash && $0.route.depth + 1 == count
                    || $0.route.style.takesRest && $0.route.depth < count
            }
        }
        self.routes = routes
    }

    /// The routes as given.
    package let routes: [Route]

    /// By which those are counted that no route has.
    var numberOfOptions: Int { operations.count - 2 }
    var numberOfUnmatched: Int { operations.count - 1 }

    /// The route for a request. HEAD finds what GET would (R102).
    func row(_ method: Method, _ path: PathSegments) -> Row? {
        let wanted = method == .head ? .get : method
        for row in rows(path) where row.route.method == wanted && row.route.matches(path) { return row }
        return nil
    }

    private func rows(_ path: PathSegments) -> [Row] { byCount[min(path.count, byCount.count - 1)] }

    /// How refusals of a path are worded whose method no route has.
    func errors(_ path: PathSegments) -> ErrorFormat {
        rows(path).first { $0.route.style.ownsPath && $0.route.matches(path) }?.route.style.errors ?? .json
    }

    /// What `Allow` says of a path, in alphabetical order; nil when there is no such path.
    func allowedMethods(_ path: PathSegments) -> String? {
        Self.methods(of: rows(path).map(\.route).filter { $0.matches(path) })
    }

    /// What `Allow` says of the registry as a whole: every method that some path has.
    func allMethods() -> String? { Self.methods(of: routes) }

    /// Whether a path is a page of probes and scrapers (R613).
    func isProbe(_ path: PathSegments) -> Bool {
        rows(path).contains { $0.route.operation.purpose == .probe && $0.route.matches(path) }
    }

    private static func methods(of routes: [Route]) -> String? {
        guard !routes.isEmpty else { return nil }
        var names = Set(routes.map { "\($0.method.name)" })
        names.insert("OPTIONS")
        if names.contains("GET") { names.insert("HEAD") }
        return names.sorted().joined(separator: ", ")
    }
}
