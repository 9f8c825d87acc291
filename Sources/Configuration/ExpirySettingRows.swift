// The rows of the settings by which leases are held whose time is over.

extension Settings {
    static let expiryRows: [SettingRow] = [
        SettingRow(
            "expiry_hold", \.expiryHold, .duration(Limits.expiryHold), default: "10m",
            "How long leases are held at most while their heartbeats cannot arrive, or by `expiry_budget`. Also how long "
                + "a member still counts as a member after the connection to it was lost. A longer hold lists dead "
                + "instances for longer when most of a cluster, or of a namespace, is gone for good."),
        SettingRow(
            "expiry_budget", \.expiryBudget, .share, default: "off",
            "The share of a namespace's instances that may expire in a minute, at least 10, where it had 20 or more "
                + "(docs/expiry.md). Leases beyond it are held, marked as overdue, for at most `expiry_hold`: when "
                + "many fall silent at once, their heartbeats may just not arrive. 20% is recommended. A smaller share "
                + "lists more dead instances for longer when many die at once."),
    ]
}

extension SettingKind where Value == Int {
    /// A percentage, or 0 for none.
    static var share: Self {
        SettingKind(
            placeholder: "share", allowed: "off or a percentage from 1% to 100%",
            parse: { text in
                if text == "off" || text == "0" { return 0 }
                guard text.hasSuffix("%"), text.utf8.dropLast().allSatisfy({ (0x30...0x39).contains($0) }),
                    let percent = Int(text.dropLast()), (1...100).contains(percent)
                else { return nil }
                return percent
            },
            format: { $0 == 0 ? "off" : "\($0)%" })
    }
}
