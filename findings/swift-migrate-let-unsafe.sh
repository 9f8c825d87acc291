#!/usr/bin/env bash
# `swift package migrate --to-feature StrictMemorySafety` of Swift 6.3.1 writes an optional binding that does not compile.
#
# One would guess: the migrator applies the compiler's own suggestions, so that the target compiles as before, with `unsafe` where it is due.
# Seen: the short form of an optional binding of a local variable, `guard let pointer else`, becomes `guard let unsafe pointer else`, which is no Swift: the word belongs to
# a value (`guard let pointer = unsafe pointer`). The migrator reports its fix-its as applied and ends with success; the next build fails.
# Why it matters here: each target was migrated in turn, and the failure shows only in the next one, whose migration ends with errors about files of
# another. After each target the short bindings have to be written out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
swift --version 2>/dev/null | grep -q 'Swift version 6.3.1' || { echo "another Swift than 6.3.1: look again"; exit 1; }
mkdir -p Sources/First
cat >Package.swift <<'S'
// swift-tools-version:6.2
import PackageDescription
let package = Package(name: "First", targets: [.target(name: "First")])
S
cat >Sources/First/First.swift <<'S'
func find(_ text: inout UnsafeMutablePointer<CChar>?) { text = nil }

public func first() -> Int {
    var text: UnsafeMutablePointer<CChar>?
    find(&text)
    guard let text else { return 0 }
    return Int(text[0])
}
S
swift build >build.log 2>&1
swift package migrate --target First --to-feature StrictMemorySafety >migrate.log 2>&1 || { echo "changed: the migrator fails"; exit 1; }
grep -q 'Applied [1-9]' migrate.log
if swift build >build.log 2>&1; then
    echo "changed: what was migrated compiles"
    exit 1
fi
grep -q 'guard let unsafe text else' Sources/First/First.swift
grep -q 'unwrap condition requires a valid identifier' build.log
echo "seen: the migrator writes 'guard let unsafe text', which does not compile, and reports success"
