// Public keys from a text of PEM (RFC 7468), as operators keep them: keys and certificates, one after the other. Of a
// certificate only its key counts: whoever names the file has decided whom to trust, and until when.

import CTLS

extension PublicKey {
    /// A block of PEM: its label and what it holds, in DER.
    private struct Block {
        let label: String
        let bytes: [UInt8]
    }

    /// Every key of a text, in order; there may be none. What stands between the blocks does not count.
    ///
    /// - Parameter most: how many there may be.
    /// - Throws: what is wrong with the first bad one, and its number, from 1.
    package static func read(pem: [UInt8], most: Int) throws(NumberedKeyError) -> [PublicKey] {
        defer { ERR_clear_error() }
        let result = unsafe pem.withUnsafeBytes { bytes -> Result<[PublicKey], NumberedKeyError> in
            guard let reader = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else {
                return .failure(NumberedKeyError(number: 1, error: .malformed))
            }
            defer { unsafe BIO_free(reader) }
            return unsafe read(reader, most: most)
        }
        return try result.get()
    }

    private static func read(_ reader: OpaquePointer, most: Int) -> Result<[PublicKey], NumberedKeyError> {
        var keys: [PublicKey] = []
        do throws(PublicKeyError) {
            while let block = unsafe try next(reader) {
                guard keys.count < most else { throw .tooMany(most: most) }
                keys.append(try key(of: block))
            }
            return .success(keys)
        } catch {
            return .failure(NumberedKeyError(number: keys.count + 1, error: error))
        }
    }

    /// The next block; nil when there is none.
    private static func next(_ reader: OpaquePointer) throws(PublicKeyError) -> Block? {
        var (label, header): (UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<CChar>?) = (nil, nil)
        var bytes: UnsafeMutablePointer<UInt8>?
        var count = 0
        guard unsafe PEM_read_bio(reader, &label, &header, &bytes, &count) == 1 else {
            guard ctls_is_end_of_pem(ERR_peek_last_error()) == 1 else { throw .malformed }
            return nil
        }
        defer {
            unsafe ctls_free(label)
            unsafe ctls_free(header)
            unsafe OPENSSL_cleanse(bytes, count)
            unsafe ctls_free(bytes)
        }
        guard let label = unsafe label, let bytes = unsafe bytes else { throw .malformed }
        let name = unsafe String(cString: label)
        guard !name.hasSuffix("PRIVATE KEY") else { throw .isPrivate }
        return unsafe Block(label: name, bytes: [UInt8](UnsafeBufferPointer(start: bytes, count: count)))
    }

    private static func key(of block: Block) throws(PublicKeyError) -> PublicKey {
        switch block.label {
        case "PUBLIC KEY": return try PublicKey(info: block.bytes)
        case "RSA PUBLIC KEY": return try PublicKey(rsa: block.bytes)
        case "CERTIFICATE", "X509 CERTIFICATE": return try key(ofCertificate: block.bytes)
        default: throw .unsupported(block.label)
        }
    }

    private static func key(ofCertificate bytes: [UInt8]) throws(PublicKeyError) -> PublicKey {
        let key = unsafe bytes.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            var position = bytes.baseAddress
            guard let certificate = unsafe d2i_X509(nil, &position, bytes.count) else { return nil }
            defer { unsafe X509_free(certificate) }
            return unsafe X509_get_pubkey(certificate)
        }
        guard let key = unsafe key else { throw .malformed }
        return unsafe try PublicKey(owning: key)
    }
}

/// What is wrong with one key of several.
package struct NumberedKeyError: Error, Sendable, Equatable {
    /// From 1.
    package let number: Int
    package let error: PublicKeyError

    package init(number: Int, error: PublicKeyError) {
        self.number = number
        self.error = error
    }
}
