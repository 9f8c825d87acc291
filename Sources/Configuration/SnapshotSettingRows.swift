// The rows of the settings by which a registry remembers across restarts what is registered.

extension Settings {
    static let snapshotRows: [SettingRow] = [
        SettingRow(
            "snapshot_file", \.snapshotFile, .path, absent: "none",
            "The file in which what is registered is kept across restarts (docs/snapshot.md): instances, overrides and "
                + "tombstones. It is read at the start and replaced at each interval and at a clean stop. It belongs to "
                + "this registry alone; its directory must be writable."),
        SettingRow(
            "snapshot_interval", \.snapshotInterval, .duration(Limits.snapshotInterval), default: "1m",
            "How often `snapshot_file` is written. What changed since is lost when a registry that is alone is killed. "
                + "A million instances take some 25 s to write at 4 % of one processor, however short the interval."),
    ]
}
