// What a source of instances is to the process: something that runs on a thread of its own, publishes what it finds,
// and ends when it is told to.

package import System

/// Reads another registry, or files.
package protocol CatalogSource: Sendable {
    /// The name of its thread, at most 15 bytes.
    var threadName: String { get }

    /// Reads and publishes until the signal is raised. Called once, on a thread that is the source's own and on which
    /// it may block. Nothing of it may run on a loop that serves clients.
    func run(_ publisher: SourcePublisher, until stop: WakeSignal)
}
