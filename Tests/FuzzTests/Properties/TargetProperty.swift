// What a request target decodes to never holds what the rules forbid (R805–R809), and every page survives it.

import HTTP

@testable import Amalgam8
@testable import Consul
@testable import Operations
@testable import Serving

enum TargetProperty {
    private static let routes = RouteTable(
        AmalgamRoutes.all + ConsulRoutes.all(datacenter: "dc1", member: nil)
            + OperationsRoutes.all(isGuarded: false, hasOperators: true))

    static func violation(_ bytes: [UInt8]) -> String? {
        var gate = RequestParser(limits: RequestLimits())
        let head = Array("GET ".utf8) + bytes + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        gate.feed(head.span)
        // A target with line ends in it is several lines, and perhaps several requests.
        while let head = gate.takeRequest() {
            if let violation = path(head) ?? query(head) { return violation }
        }
        return nil
    }

    private static func path(_ head: RequestHead) -> String? {
        guard let path = try? PathSegments(head) else { return nil }
        for index in 0..<min(path.count, PathSegments.maximumCount) {
            let segment = path[index]
            guard String(validating: segment, as: UTF8.self) != nil else { return "a segment is not UTF-8" }
            guard !segment.contains(where: \.isControl) else { return "a segment has a control character" }
            guard !segment.elementsEqual(".".utf8), !segment.elementsEqual("..".utf8) else {
                return "a dot segment passed"
            }
            guard !segment.isEmpty || index == path.count - 1 else { return "an empty segment passed" }
        }
        _ = routes.allowedMethods(path)
        _ = routes.errors(path)
        for index in 0..<min(path.count, PathSegments.maximumCount) {
            guard path.rest(from: index).starts(with: path[index]) else { return "the rest begins elsewhere" }
        }
        return nil
    }

    private static func query(_ head: RequestHead) -> String? {
        _ = try? ListQuery(head.query)
        _ = try? ConsulQuery(head.query, datacenter: "dc1")
        guard let parameters = try? QueryParameter.parse(head.query) else { return nil }
        guard parameters.count <= QueryParameter.maximumCount else { return "too many parameters passed" }
        guard Set(parameters.map { Array($0.name.utf8) }).count == parameters.count else {
            return "a name passed twice"
        }
        for parameter in parameters where parameter.name.utf8.contains(0) || parameter.value.utf8.contains(0) {
            return "a parameter has a NUL"
        }
        return nil
    }
}

extension UInt8 {
    fileprivate var isControl: Bool { self < 0x20 || self == 0x7F }
}
