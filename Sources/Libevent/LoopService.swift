// What a loop serves is a list: HTTP on one port, HTTPS on another, datagrams on a third. All of it starts and stops
// alike.

/// Something that a loop serves. Belongs to its loop's thread.
package protocol LoopService: AnyObject {
    /// Takes nothing new, finishes what was begun, and then calls `whenDrained`.
    func drain(_ onLoop: borrowing OnLoop, whenDrained: @escaping (borrowing OnLoop) -> Void)

    /// Whether a drain has ended.
    var isDrained: Bool { get }
}
