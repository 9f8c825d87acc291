// Reads the files of a configuration, each once and whole, so that the bytes that were checked are those that are used,
// even while another program replaces the file.

import CTLS
import Glibc

/// The contents of one file, wiped when it goes: it may hold a private key.
final class PEMFile {
    /// Far above any chain or list of authorities; it only catches a wrong path.
    static let maximumBytes = 16 << 20

    let path: String
    private(set) var bytes: [UInt8] = []

    init(_ path: String) throws(TLSError) {
        self.path = path
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unsafe .unreadable(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable(path: path, reason: "it is not a file")
        }
        guard status.st_size <= Self.maximumBytes else { throw .unreadable(path: path, reason: "it is too large") }
        // One byte more than its size, to see its end; and room that need not grow, which would leave copies behind.
        bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
        var filled = 0
        while filled < bytes.count {
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe read(descriptor, $0.baseAddress.map { unsafe $0 + filled }, $0.count - filled)
            }
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw unsafe .unreadable(path: path, reason: String(cString: strerror(errno)))
            }
            filled += count
        }
        bytes.removeLast(bytes.count - filled)
    }

    deinit {
        unsafe bytes.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    }

    // MARK: - What it may hold

    /// Every certificate, in order. The caller frees them.
    func certificates() -> [OpaquePointer] {
        unsafe all { unsafe PEM_read_bio_X509($0, nil, nil, nil) }
    }

    /// Every revocation list, in order. The caller frees them.
    func revocationLists() -> [OpaquePointer] {
        unsafe all { unsafe PEM_read_bio_X509_CRL($0, nil, nil, nil) }
    }

    /// The first private key. The caller frees it.
    func privateKey() throws(TLSError) -> OpaquePointer {
        defer { ERR_clear_error() }
        var wasAsked = false
        let key = unsafe withReader { reader in
            unsafe withUnsafeMutablePointer(to: &wasAsked) { flag in
                unsafe PEM_read_bio_PrivateKey(
                    reader, nil,
                    { _, _, _, flag in
                        unsafe flag?.assumingMemoryBound(to: Bool.self).pointee = true
                        return -1
                    }, unsafe flag)
            }
        }
        if let key = unsafe key { return unsafe key }
        throw wasAsked ? .encryptedKey(path: path) : .noKey(path: path)
    }

    private func all(_ next: (OpaquePointer) -> OpaquePointer?) -> [OpaquePointer] {
        defer { ERR_clear_error() }
        var found: [OpaquePointer] = unsafe []
        unsafe withReader { reader in
            while let item = unsafe next(reader) { unsafe found.append(item) }
        }
        return unsafe found
    }

    /// Lends a BIO over the bytes.
    private func withReader<Result>(_ body: (OpaquePointer) -> Result?) -> Result? {
        unsafe bytes.withUnsafeBytes { buffer -> Result? in
            guard let reader = unsafe BIO_new_mem_buf(buffer.baseAddress, Int32(buffer.count)) else { return nil }
            defer { unsafe BIO_free(reader) }
            return unsafe body(reader)
        }
    }
}
