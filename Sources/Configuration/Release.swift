// What this build calls itself: `--version`, the start line of the log and the operations pages all read it here, so
// that a release changes one line.

/// The release this build is of.
package enum Release {
    /// Semantic version without a leading `v`.
    package static let current = "0.2.0"
}
