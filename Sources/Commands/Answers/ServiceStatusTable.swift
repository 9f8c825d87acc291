// What an operator has said of a service, as a table.

enum ServiceStatusTable {
    /// `GET /api/v1/services/{name}/status`. `now` is in nanoseconds since 1970.
    static func text(_ service: JSONTree, at now: Int64) -> String {
        var table = Table([
            .text("SERVICE"), .text("STATUS"), .number("INSTANCES"), .number("SET"), .text("UNTIL"), .text("BY"),
        ])
        let (until, leaves) = (service["until"].string, service["drain_until"].string)
        table.add([
            service["service_name"].string, service["status"].string ?? "each its own",
            service["instances"].integer.map { "\($0)" }, TimeText.age(of: service["since"].string, at: now),
            (leaves ?? until).map { TimeText.short($0) ?? $0 }.map { leaves == nil ? $0 : "drained:\($0)" },
            service["by"].string,
        ])
        return table.text
    }
}
