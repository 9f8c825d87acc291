// A parameter that says how an answer is to be given and not what is asked for, such as `wait`: it is taken out of the
// query, so that the list and its tag are those of a query without it.

import HTTP
import Serving

/// A query without one of its parameters.
struct TakenParameter {
    /// Nil where the query does not have it.
    let value: String?
    /// The query without it; the order of the others is kept.
    let rest: [UInt8]

    /// Throws where it is given twice, or has a bad escape.
    init(_ name: StaticString, from query: ArraySlice<UInt8>) throws(Refused) {
        let wanted = Array("\(name)".utf8)
        var rest: [UInt8] = []
        var value: String?
        for pair in query.split(separator: UInt8(ascii: "&")) {
            guard pair.prefix(while: { $0 != UInt8(ascii: "=") }).elementsEqual(wanted) else {
                if !rest.isEmpty { rest.append(UInt8(ascii: "&")) }
                rest += pair
                continue
            }
            guard value == nil else { throw .invalid("\(name) is given twice") }
            do throws(Refusal) {
                value = try QueryParameter.parse(pair).first?.value
            } catch {
                throw .malformed(error)
            }
        }
        self.value = value
        self.rest = rest
    }
}
