// Registries of another kind may have to be told what clients change here. The state of the registry tells one listener,
// which passes it on; what such a registry has told us itself is not told back.

package import Catalog

/// Is told what clients have changed, after it was changed, on the thread that did it: it must not wait for anything.
package protocol ChangeRelay: AnyObject, Sendable {
    /// An instance was registered, or registered anew.
    func registered(_ id: InstanceID, in namespace: Namespace)
    func renewed(_ id: InstanceID, in namespace: Namespace)
    /// The status of an instance was overridden, or is no longer.
    func overridden(_ id: InstanceID, in namespace: Namespace)
    /// An instance was deregistered; as it was before.
    func deregistered(_ instance: Instance, in namespace: Namespace)
    /// Instances of which others are still to be told, and news that were dropped because too many waited.
    var backlog: (waiting: Int, dropped: UInt64) { get }
}
