// Host names are looked up on threads of their own, since the system's resolver blocks for as long as it likes. A look-up
// that nobody waits for any more is left to end by itself.

package import System

/// Looks names up for one loop, to which the results are mailed.
package final class NameResolver {
    /// What came of a look-up.
    package struct Result: Sendable {
        package let number: UInt64
        /// Numeric, in the order of preference; or the resolver's reason.
        package let addresses: Swift.Result<[String], HostLookup.Failure>
    }

    /// Threads at a time: a resolver that hangs must not take all that the process may have.
    private static let mostUnderWay = 16

    private let mailbox: Mailbox<Result>
    private var underWay = 0

    /// Calls `handler` on the loop with each result.
    package init(on loop: EventLoop, _ handler: @escaping (Result, borrowing OnLoop) -> Void) throws {
        var ended: () -> Void = {}
        mailbox = try Mailbox(on: loop) { result, onLoop in
            ended()
            handler(result, onLoop)
        }
        ended = { [unowned self] in underWay -= 1 }
    }

    /// Begins a look-up; false when too many hang, or there is no thread.
    package func resolve(_ host: String, number: UInt64) -> Bool {
        guard underWay < Self.mostUnderWay else { return false }
        let sender = mailbox.sender
        let thread = try? NamedThread("resolver") {
            let addresses: Swift.Result<[String], HostLookup.Failure>
            do throws(HostLookup.Failure) {
                addresses = .success(try HostLookup.addresses(of: host))
            } catch {
                addresses = .failure(error)
            }
            sender.send(Result(number: number, addresses: addresses))
        }
        guard let thread else { return false }
        thread.detach()
        underWay += 1
        return true
    }
}
