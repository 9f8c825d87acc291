// Keys that tests sign with, each for a test's eyes only, with what their owners publish. Signing is OpenSSL's and
// independent of the code that verifies.

import CTLS

/// A key pair of a signer.
package struct SigningKey: Sendable {
    /// In PEM.
    package let privateText: String
    package let publicText: String
    /// The members of the public key as a JSON Web Key, without braces.
    package let members: String

    /// The public key as a JSON Web Key with further members.
    package func jwk(_ more: String = "") -> String { "{" + members + (more.isEmpty ? "" : "," + more) + "}" }

    /// A set of such keys.
    package static func set(_ keys: String...) -> String { "{\"keys\":[" + keys.joined(separator: ",") + "]}" }

    /// The signature of a JSON Web Signature: with SHA-256, but for Ed25519.
    package func signature(of message: String, isDER: Bool = false) -> [UInt8] {
        let text = Array(privateText.utf8)
        guard let reader = BIO_new_mem_buf(text, Int32(text.count)) else { return [] }
        defer { BIO_free(reader) }
        guard let key = PEM_read_bio_PrivateKey(reader, nil, nil, nil) else { return [] }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { return [] }
        defer { EVP_MD_CTX_free(context) }
        let digest = EVP_PKEY_is_a(key, "ED25519") == 1 ? nil : "SHA256"
        guard EVP_DigestSignInit_ex(context, nil, digest, nil, nil, key, nil) == 1 else { return [] }
        let bytes = Array(message.utf8)
        var signature = [UInt8](repeating: 0, count: 2_048)
        var count = signature.count
        guard EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1 else { return [] }
        signature.removeLast(signature.count - count)
        return EVP_PKEY_is_a(key, "EC") == 1 && !isDER ? Self.pair(of: signature) : signature
    }

    /// The two numbers of a signature of ECDSA on P-256, 32 bytes each, out of their DER.
    package static func pair(of signature: [UInt8]) -> [UInt8] {
        var pair: [UInt8] = []
        var position = 2
        for _ in 0..<2 {
            let count = Int(signature[position + 1])
            let number = signature[(position + 2)..<(position + 2 + count)].drop { $0 == 0 }
            pair += [UInt8](repeating: 0, count: max(0, 32 - number.count)) + number
            position += 2 + count
        }
        return pair
    }

    /// A token that it has signed, whatever header and claims it is given.
    package func token(header: String, claims: String = Forge.goodClaims) -> String {
        let signed = Forge.base64URL(header) + "." + Forge.base64URL(claims)
        return signed + "." + Forge.base64URL(signature(of: signed))
    }
}

extension SigningKey {
    /// RSA of 2,048 bits.
    package static let rsa = SigningKey(
        privateText: """
            -----BEGIN PRIVATE KEY-----
            MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC09Y9z8MIe/JJx
            Bew0LNgpmx8n6su4Od8filNPOmqY3xTLff0KCjmVHBKpz22qVPiT9ICaeMLIahVh
            LXKblmHDj4bYAzR+6hcZCeuMQHWh/ysYZdOQ13Z/6ayDtAvKyb7Vx0aUCjWhEfek
            /033zv02IOV060FIdUSapfQRTrhKOKJu2wBtLWP8oA3v0Tf68yPo+UYCLps5TChx
            4wgDghwMa+Er4b1krQwWneK+2ov5wbCtFd5yDbS1NK1tSBWlDr2RbvcIMTRWIl/n
            8fyEtD4q8hN8H9Nqg35bdfrweCgtc1IR36ruRzR3OfPopogIvmuHFMsvUtVH/MKR
            X0X8USAvAgMBAAECggEABs88yYtJoBqMtNsZCIeYJMyqZKP7FuDP9XhiP9d+E72a
            ozkHph08uHs4ypIR2Y3erXakcOuoF3GX113QnmvkxulQ6jJeAy6c6uYgKoQcc8RN
            41pQQUw9BdLjGTD+cUWb5vXblo43IWtd1c7TqMZtvzUyspkjDkPMw+2zHFme1BAd
            pLw3XLv7BnqE2cgMPJZWoARfH23nxnJycbaDivUrkfBGR5nrjhzp2IhdK5lgMU5o
            zjb+moAnHj9G82gzfE1CGr/YuJiuKI8XiY3aaV1sC3zkLof8gVFm/Ov78aBAIITz
            h1BKLgDu+3mh7eBHBYmH5YBJgF9bcXMdyDx2bgcKuQKBgQDgijo22kINJ65rkN1x
            UycKQ8NSd2LXINsgBI/5o7m3rHIbOHdtVVa6VMp0WNbHkoRqSNQV7ZAReL5rUtev
            hjr0gjDIe1RGIUB7cEaux0Qd2CuVfGUfSP16/rm/B/Z123iF6ro0rCrRKjb9LNUq
            b2zE43Yfsa+ZiooyURX/ao+lBwKBgQDOUC82/UQvvHnYCpqj759WmAK1ihnbn2HN
            XOAv1jyQaVWQ4oa4ws07aPtXJmmEfhVH/Np/wDicxqvweex5YDvOu8EZn0gDaOoe
            HaoYnwXtDZiXxJPk56lysaIbQAu7EFCjm1/sC9gEPg1AGwCxpe0Acb1lVjTbJwLG
            tkly4LPJmQKBgHj/g+dTLgzQuVkVs38CBCOv6G1kEEtFVU+npb4s0EN+Fe89On4c
            YqP+VSrlRLg+6EQuArveTKhdnJ9RARGBD/v6vDcM3pj8Cjd6hVxh3P8IIlRnuEZn
            mtDQu1+J9vID1qqzlqwTqu8UBJXhtu0rJj3jJSBnK+1djqMWtvfwgH+5AoGAeDU+
            HVMZ7Jprf9ZF3ejbNRAi2/WYNV+7E3Xe5eB0r0vAYEesaXCPNeNoNpIZ/umbqrMH
            +FFeavJS8i2H+/x3PHAnBa/JvLrfVibAmdHmGQXH9/3Akinsj/gx1KDPdPH/miQI
            krcf6PDitYxGLjvYSF79FFNTPrGPK4rAZt/HwVkCgYEA0PvLIhS8Cu/+/R3OW6dB
            JjEMr5E2motrdN1tSC8FbkcdMW0MX45V8bOHXHcylNv1iLtMT4yEEH0Hna23XdhY
            VyjUqusmJ8vF+PJj/nR9sl7OYmmpHHf7FGo7be/HYZ+8mV6yDWRM0pXgEjeBTwry
            BFMz98gZA9RX0joHeMBbAK8=
            -----END PRIVATE KEY-----
            """,
        publicText: """
            -----BEGIN PUBLIC KEY-----
            MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtPWPc/DCHvyScQXsNCzY
            KZsfJ+rLuDnfH4pTTzpqmN8Uy339Cgo5lRwSqc9tqlT4k/SAmnjCyGoVYS1ym5Zh
            w4+G2AM0fuoXGQnrjEB1of8rGGXTkNd2f+msg7QLysm+1cdGlAo1oRH3pP9N9879
            NiDldOtBSHVEmqX0EU64SjiibtsAbS1j/KAN79E3+vMj6PlGAi6bOUwoceMIA4Ic
            DGvhK+G9ZK0MFp3ivtqL+cGwrRXecg20tTStbUgVpQ69kW73CDE0ViJf5/H8hLQ+
            KvITfB/TaoN+W3X68HgoLXNSEd+q7kc0dznz6KaICL5rhxTLL1LVR/zCkV9F/FEg
            LwIDAQAB
            -----END PUBLIC KEY-----
            """,
        members: #"""
            "kty":"RSA","n":"tPWPc_DCHvyScQXsNCzYKZsfJ-rLuDnfH4pTTzpqmN8Uy339Cgo5lRwSqc9tqlT4k_SAmnjCyGoVYS1ym5Zhw4-G2AM0fuoXGQnrjEB1of8rGGXTkNd2f-msg7QLysm-1cdGlAo1oRH3pP9N9879NiDldOtBSHVEmqX0EU64SjiibtsAbS1j_KAN79E3-vMj6PlGAi6bOUwoceMIA4IcDGvhK-G9ZK0MFp3ivtqL-cGwrRXecg20tTStbUgVpQ69kW73CDE0ViJf5_H8hLQ-KvITfB_TaoN-W3X68HgoLXNSEd-q7kc0dznz6KaICL5rhxTLL1LVR_zCkV9F_FEgLw","e":"AQAB"
            """#)
    /// RSA of 2,048 bits with the exponent 3.
    package static let otherRSA = SigningKey(
        privateText: """
            -----BEGIN PRIVATE KEY-----
            MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCipMFwo4530WrX
            BnPsNKu4dQzJzmFvv/Q+tgbSh78wqas/0CHnNRjAJP4BUEdjdrEjA7ynkrDaw/C+
            JzVdOkp7LGiwPYU6ZSTbAUPWr8T5Rp2zP6xVsxMTMyAtiQZ9fYewx0ozGw1+NVzH
            dKIdOWU/A4QVjYRQqGsQPBU49n0YQKmKI3sKSKxazBRDwxPWuF8tdlZAQ+wlHEy+
            hQl7ERV/JF4sgVC8Pq4ipPH1yAbuf0gtsu/MYktv8w1X+HRz5nIuu7RFWv0idv8+
            NfP0UReMHbb4TBdAYoHnZPCksa2XOOdYw9k71VbVTleglDs3988EnGojCdo8hGUR
            88yQHze5AgEDAoIBAGxt1ksXtE/g8eSu9/LNx9BOCIaJlkp/+CnOrzcFKiBxHNU1
            a+94uyrDVADgL5ekdhdX0xphyzyCoH7Ezj4m3FIdmyApA3xDbedWLTnKg1DZvnd/
            yDkiDLd3askGBFOpBSCE3CISCP7OPdpNwWjQ7ioCWA5eWDXFnLV9Y3tO/hAqCzDi
            dERs9mcZ0FCjJkjZtxSZVcMqxCxSNkHF2c9voujFhBy9NL8KgiK3CvITATEZkaQv
            eUpTN2sLLCN58L7lY6/OKPPPWvHbYJbJv0nfq8YWpUlaOAaETawK7TCie/JDo052
            BgKA59+C5kpC/SnIVe7aNxaTePhT6bqnMsFAAKsCgYEA1+kbwpBvGfxUmdW5NVvW
            tgvcPVUqsBTu2gpkDFm6AlEezyn189GuPiDNiJ6WJLIItGNoOCVVDIGmQP9Be43E
            0s4paoad9Eqqqyxgaq0KukNR7zD4xrFtao7atUjcBZR58TEKP7MlOo3QUQSWZX8F
            zx4Zs07juTIgAjHqMa0ZjGECgYEAwNe0ChM2IMPQwfUVJQ2bFoK0GEZZFc2yIVF4
            NmovntDdSNdvjcwArM3E2OwVYHLQOVQDgbeQa828CiOAD8fJidjdDFEGAG0DQy+m
            6lh225+pz9lL/IUuotZ515Lh7hdZgTIIkITuwHg5rSyZWfpFfwA7ZDJI65XmhEgO
            zsElqlkCgYEAj/C9LGBKEVLjETkmI5KPJAfoKONxyrifPAbtXZEmrDYUihv5TTZ0
            KWszsGm5bcwFzZea0BjjXavEK1TWUl6DNzQbnFm+otxxx3Lq8cix0YI2n3X7LyDz
            nF88eNs9WQ2moMtcKnduJwk1i1hkQ6oD32lmd4ntJiFqrCFGy8i7susCgYEAgI/N
            XAzOwIKLK/i4w15nZFciutmQuTPMFjZQJEbKaeCTheT1CTKrHd6DO0gOQEyK0OKt
            ASUK8okoBsJVX9qGW+XosuCuqvNXgh/EnDr557/GipDdUwN0bI775QyWnro7q3aw
            YFifKvrRHh27kVGDqgAnmCGF8mPvAtq0idYZHDsCgYAexJJbwUqW3wuT9/k6V6ms
            FhglmLzwH/f4BKJud5CI7cQj+7VNkW/P6rFHlJhS8JdgpKUe959x9T+C2hH1tjg5
            0xzUFrshvtncfwUObXWHntTPfvtdp4ND9yJYs5ItdFz7yLtKJCYQtFmvq7M4GRAx
            78ha1Hb1lXUOc8yPE1TmGQ==
            -----END PRIVATE KEY-----
            """,
        publicText: """
            -----BEGIN PUBLIC KEY-----
            MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAoqTBcKOOd9Fq1wZz7DSr
            uHUMyc5hb7/0PrYG0oe/MKmrP9Ah5zUYwCT+AVBHY3axIwO8p5Kw2sPwvic1XTpK
            eyxosD2FOmUk2wFD1q/E+Uadsz+sVbMTEzMgLYkGfX2HsMdKMxsNfjVcx3SiHTll
            PwOEFY2EUKhrEDwVOPZ9GECpiiN7CkisWswUQ8MT1rhfLXZWQEPsJRxMvoUJexEV
            fyReLIFQvD6uIqTx9cgG7n9ILbLvzGJLb/MNV/h0c+ZyLru0RVr9Inb/PjXz9FEX
            jB22+EwXQGKB52TwpLGtlzjnWMPZO9VW1U5XoJQ7N/fPBJxqIwnaPIRlEfPMkB83
            uQIBAw==
            -----END PUBLIC KEY-----
            """,
        members: #"""
            "kty":"RSA","n":"oqTBcKOOd9Fq1wZz7DSruHUMyc5hb7_0PrYG0oe_MKmrP9Ah5zUYwCT-AVBHY3axIwO8p5Kw2sPwvic1XTpKeyxosD2FOmUk2wFD1q_E-Uadsz-sVbMTEzMgLYkGfX2HsMdKMxsNfjVcx3SiHTllPwOEFY2EUKhrEDwVOPZ9GECpiiN7CkisWswUQ8MT1rhfLXZWQEPsJRxMvoUJexEVfyReLIFQvD6uIqTx9cgG7n9ILbLvzGJLb_MNV_h0c-ZyLru0RVr9Inb_PjXz9FEXjB22-EwXQGKB52TwpLGtlzjnWMPZO9VW1U5XoJQ7N_fPBJxqIwnaPIRlEfPMkB83uQ","e":"Aw"
            """#)
    /// RSA of 1,024 bits.
    package static let weakRSA = SigningKey(
        privateText: """
            -----BEGIN PRIVATE KEY-----
            MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBAN9qvLm+pIhobb4V
            6nQtIEElMAbfkBGgEY9otwvI69sw4ZlIVH/uGP7q29/zbKbVu9AYCyWeL2niHsQT
            zkaRLw/CxTKqkR0BuDKEe1S/Y+pYChzUpJ6y8oigPXoLWuZGtSKqjfKVdfKflgD6
            8+6qTGozavnSlBJHTyccOTZz+4HVAgMBAAECgYAaL0dZObfM6Phbu/PTk+pg2Dvt
            wkv/VNRaC3rQncbO1MbMEUceC0jQr7P/ZmdIkmpFtFuyF/0UmtTiRDP73041gZFe
            gaI2OEBp+iB2/ssthqBDgECPear3oFCeQuZB5/zuS5VN4NZEbhZ9Ldt3spfkRygc
            dcbbj9divC75SfCH4QJBAPmAMqjEZmgdTA+bVLRKc4O1d7Kh7sewRAu8IuJMGWDE
            mP9lJLKz2MdmhZFUCdwH7ovg9iTsZkH2aj/VOW4gkCkCQQDlPJlA7yWjBBy7QEiX
            isWotcLx8rLHFQfYY2RO3nJNQ9FGhOkCyFMXg2VFRkDsz4Cm9aV+jO5J+QfuoZkS
            danNAkAR8E20JKrYQYL+fESS0eeMSLfaeBoa8WlzDovTiXUpp/j4I+WHk7a6X3yq
            /kfXMhrMo9gOv5B6naT2AfanHGBBAkBfZWV9gUgPW+G9BxZugiCZgfJ7j31Ynebi
            5RHURHwarVNE3oC9WLJDgbm+J2tTYVLvqCBT1sA/ZnQnmXZDGVYtAkBCGaQH4ZXd
            Uq8CibB7S9VUyWUQECAtWVMcE4iMZfPcWRb0XKey35y4dGq0HcsSAApjB+YPFRRu
            KfIEjXQl3QL8
            -----END PRIVATE KEY-----
            """,
        publicText: """
            -----BEGIN PUBLIC KEY-----
            MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDfary5vqSIaG2+Fep0LSBBJTAG
            35ARoBGPaLcLyOvbMOGZSFR/7hj+6tvf82ym1bvQGAslni9p4h7EE85GkS8PwsUy
            qpEdAbgyhHtUv2PqWAoc1KSesvKIoD16C1rmRrUiqo3ylXXyn5YA+vPuqkxqM2r5
            0pQSR08nHDk2c/uB1QIDAQAB
            -----END PUBLIC KEY-----
            """,
        members: #"""
            "kty":"RSA","n":"32q8ub6kiGhtvhXqdC0gQSUwBt-QEaARj2i3C8jr2zDhmUhUf-4Y_urb3_NsptW70BgLJZ4vaeIexBPORpEvD8LFMqqRHQG4MoR7VL9j6lgKHNSknrLyiKA9egta5ka1IqqN8pV18p-WAPrz7qpMajNq-dKUEkdPJxw5NnP7gdU","e":"AQAB"
            """#)
    /// RSA of 2,056 bits.
    package static let oddRSA = SigningKey(
        privateText: """
            -----BEGIN PRIVATE KEY-----
            MIIEwAIBADANBgkqhkiG9w0BAQEFAASCBKowggSmAgEAAoIBAgDe0gEnVpwmgOR1
            8ywTvjSYKSJ+qmXzHTnrKwDNZfsVPy/Ed30CllY+YrsdDdW7uWuP0OdSPfb56LP2
            5vfZf1x6+vbRoeAyJHr7PxCSbiD/oLFQPq0upf3MEK9MhQr7RNqerjrLbuRWYKiF
            iKWdiSXM+1KWnzfAPOgsx0FF67NvaiqxSyTbi/zcO0KZIhn8KFhfKjTRgYIPmVEu
            bjOzlNEDUvg/5HfuESDyEakOnrD9sgoaFrAUan2+NEDiRIv2+2JPOc9wywEzE3No
            SY0rTqrbhOGZDe1mZP5DPHzX0Xd3e3/h97FoCBanwWiHTihnLjfKnSmudaFVtCEQ
            xudSncOZOwIDAQABAoIBAQ3Qo3WsRF42xkjHMke/FppgjTJL9P+PzlQrBGUNGkuE
            8Wc9qVM3Ev3R4pwN4YnpbdEq40y8FCCxMYdGEWk7dkvBsk/pDhzNxOToUhS3c0r7
            du2XapFmhUfZDlAGPQS7ONAh0/oM/ryZnZk55wV6HWKKKo1gLcq40VmwDkym19Hj
            7LZ0IkGNxuc6avJ9MCBxcHPwZUtK3c+McYyWuxJL4Im273VvVMCyVH1TVw89x5W8
            DKU5KO42rgSbO/tXChBTw/sN/XrMLnzfY/vBq6tDoVZ+gKdKC/zUpGnojzB/iipZ
            KGc+bVRb/e5ZAkY9c0/tdEExxnikOqsPMJ4xFIy82ucBAoGBDyt877NF4AdiG3Bt
            e6aB4UYjEi3/ekwPtvqwnqnYFLOV4y957OQXx4ofrGYylmrBZopjKIMWi8enKl7f
            S6cboM8mxjzNvqKxo51yLhE/1SClX+xzGqmMYr8GflQSWoWvznK9INqW0ITq5U0X
            hmLE2gfVAEs5dqb8qn1lgoMF2VX7AoGBDrA3QEPzbLJ931Ix1B6yjBiDLCaVvlxd
            jrZumTcqTqvBYGRJI9bU8W6CHMCld85lNiagHXgRRiMpdwnySc1ivVUbx9dFYT4m
            iRLFGE/n/MieHybJEhAYf2H11J1Hk5swXZ2sGdksFDd8S7+gwdoGkSFIn64Ub0Yk
            OcvZg4aMTaXBAoGBBb7c5RSrZHynZekhLnIUQzSDWAFf//wK/6zXdGCz3LNgE9oJ
            ffWuI/9mm69hfaMVeTb084Ui5vJJmDyyqj6ysieDchXZf1izm1qowlX6LUjeGgS+
            W9zXtRbQ6MwC35I+0hyXEXh5IqUVKqAWRunl0QaiYCgdrZj1ncU8yz/A2V49AoGA
            bq1hpd5fX62WyiuPS8wDlaEexo/3x241iicdOWN0Z1fMx4bjmCoyZQdNY1o7eYa/
            HknuNB+GCfjpeRB5naL/Yabsrehr4VFvDW9htNBmP11wG0slzfV6ol6DAJIfxRya
            VM7BAARtH+j3rc9EhW9WDD2//Xa6g70DOn3PgkFU88ECgYEIcY7LTC7AepJYd9X7
            ulj58XWAe+QhgKNsuvASQI139nHn5Pg+LkJ67g5OkHszAu/MSqnG0svDxfvCD/hO
            AXtC2skYjfd3NWo1dT7akaACcvHidHb3LMmJl+Zck1Tat0jyfqo6Z/nwVdOANAjZ
            AqQeXVM862/TgGTiuyRUsTb+UR4=
            -----END PRIVATE KEY-----
            """,
        publicText: """
            -----BEGIN PUBLIC KEY-----
            MIIBIzANBgkqhkiG9w0BAQEFAAOCARAAMIIBCwKCAQIA3tIBJ1acJoDkdfMsE740
            mCkifqpl8x056ysAzWX7FT8vxHd9ApZWPmK7HQ3Vu7lrj9DnUj32+eiz9ub32X9c
            evr20aHgMiR6+z8Qkm4g/6CxUD6tLqX9zBCvTIUK+0Tanq46y27kVmCohYilnYkl
            zPtSlp83wDzoLMdBReuzb2oqsUsk24v83DtCmSIZ/ChYXyo00YGCD5lRLm4zs5TR
            A1L4P+R37hEg8hGpDp6w/bIKGhawFGp9vjRA4kSL9vtiTznPcMsBMxNzaEmNK06q
            24ThmQ3tZmT+Qzx819F3d3t/4fexaAgWp8Foh04oZy43yp0prnWhVbQhEMbnUp3D
            mTsCAwEAAQ==
            -----END PUBLIC KEY-----
            """,
        members: #"""
            "kty":"RSA","n":"3tIBJ1acJoDkdfMsE740mCkifqpl8x056ysAzWX7FT8vxHd9ApZWPmK7HQ3Vu7lrj9DnUj32-eiz9ub32X9cevr20aHgMiR6-z8Qkm4g_6CxUD6tLqX9zBCvTIUK-0Tanq46y27kVmCohYilnYklzPtSlp83wDzoLMdBReuzb2oqsUsk24v83DtCmSIZ_ChYXyo00YGCD5lRLm4zs5TRA1L4P-R37hEg8hGpDp6w_bIKGhawFGp9vjRA4kSL9vtiTznPcMsBMxNzaEmNK06q24ThmQ3tZmT-Qzx819F3d3t_4fexaAgWp8Foh04oZy43yp0prnWhVbQhEMbnUp3DmTs","e":"AQAB"
            """#)
    /// ECDSA on P-256.
    package static let p256 = SigningKey(
        privateText: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXleYPuC41G8GCOUd
            wl6ihuu8ZjliRzhsZfWEy+8YENChRANCAARzzRkNfM0/wWYLcNME6g1pc1+8z0BK
            qBhPNur8zXX+mfqXnqwz6gZYo7jKTJFwkMNeyt1Dz7ueYtzy4gvsbA2G
            -----END PRIVATE KEY-----
            """,
        publicText: """
            -----BEGIN PUBLIC KEY-----
            MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEc80ZDXzNP8FmC3DTBOoNaXNfvM9A
            SqgYTzbq/M11/pn6l56sM+oGWKO4ykyRcJDDXsrdQ8+7nmLc8uIL7GwNhg==
            -----END PUBLIC KEY-----
            """,
        members: #"""
            "kty":"EC","crv":"P-256","x":"c80ZDXzNP8FmC3DTBOoNaXNfvM9ASqgYTzbq_M11_pk","y":"-peerDPqBlijuMpMkXCQw17K3UPPu55i3PLiC-xsDYY"
            """#)
    /// ECDSA on P-256.
    package static let otherP256 = SigningKey(
        privateText: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2hj3F6X08khlCrh0
            UXGOqnMHarWcQhM/QHJiSwtVIBShRANCAAQv6BPBwMb56UZPEj2gv8XpEh8oozII
            A5Q0UKqzFsxJnG7HaEn2saMzU4ZlxSOGsk5+osJzL8GDQOcDisdqqDS9
            -----END PRIVATE KEY-----
            """,
        publicText: """
            -----BEGIN PUBLIC KEY-----
            MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEL+gTwcDG+elGTxI9oL/F6RIfKKMy
            CAOUNFCqsxbMSZxux2hJ9rGjM1OGZcUjhrJOfqLCcy/Bg0DnA4rHaqg0vQ==
            -----END PUBLIC KEY-----
            """,
        members: #"""
            "kty":"EC","crv":"P-256","x":"L-gTwcDG-elGTxI9oL_F6RIfKKMyCAOUNFCqsxbMSZw","y":"bsdoSfaxozNThmXFI4ayTn6iwnMvwYNA5wOKx2qoNL0"
            """#)
    /// ECDSA on P-384.
    package static let p384 = SigningKey(
        privateText: """
            -----BEGIN PRIVATE KEY-----
            MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCjMBwZOfidV5K71GN6
            W4MBsOiY6xcTF/JJGC43q4WYZ+s+1LOn3Lbhmtvt89WOYYWhZANiAAQ+aFtTTGFH
            qpQbUxlbFVGs7+xitvOsWf8lA84eaqpvhSDZ7ojfMbmxnz5dtFoSzXvqVDR6xLGb
            fM6uBEyXQNyYY/sd8JvKWbFwMkbHtTL5qVwamIg8XTOJsvnm7+nUu20=
            -----END PRIVATE KEY-----
            """,
        publicText: """
            -----BEGIN PUBLIC KEY-----
            MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEPmhbU0xhR6qUG1MZWxVRrO/sYrbzrFn/
            JQPOHmqqb4Ug2e6I3zG5sZ8+XbRaEs176lQ0esSxm3zOrgRMl0DcmGP7HfCbylmx
            cDJGx7Uy+alcGpiIPF0zibL55u/p1Ltt
            -----END PUBLIC KEY-----
            """,
        members: #"""
            "kty":"EC","crv":"P-384","x":"PmhbU0xhR6qUG1MZWxVRrO_sYrbzrFn_JQPOHmqqb4Ug2e6I3zG5sZ8-XbRaEs17","y":"6lQ0esSxm3zOrgRMl0DcmGP7HfCbylmxcDJGx7Uy-alcGpiIPF0zibL55u_p1Ltt"
            """#)
    /// ECDSA on secp256k1.
    package static let k256 = SigningKey(
        privateText: """
            -----BEGIN PRIVATE KEY-----
            MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQg4wKCQ/oiTrPV54Y6Momz
            LxdwpARmIWZzT9bioi+dkuShRANCAARsDBYADshW7MpyfKAgef69zNKcMgpqBz85
            rBHkbdwJVdEXCX8xbqextsLHf6oIjFA8ZxnE7iSScMxHkciLRsES
            -----END PRIVATE KEY-----
            """,
        publicText: """
            -----BEGIN PUBLIC KEY-----
            MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEbAwWAA7IVuzKcnygIHn+vczSnDIKagc/
            OawR5G3cCVXRFwl/MW6nsbbCx3+qCIxQPGcZxO4kknDMR5HIi0bBEg==
            -----END PUBLIC KEY-----
            """,
        members: #"""
            "kty":"EC","crv":"secp256k1","x":"bAwWAA7IVuzKcnygIHn-vczSnDIKagc_OawR5G3cCVU","y":"0RcJfzFup7G2wsd_qgiMUDxnGcTuJJJwzEeRyItGwRI"
            """#)
    /// Ed25519.
    package static let ed25519 = SigningKey(
        privateText: """
            -----BEGIN PRIVATE KEY-----
            MC4CAQAwBQYDK2VwBCIEIBWPJkiOsBOCZIlFOiB22e5Z7aDNJnLnsyI6E2glphZI
            -----END PRIVATE KEY-----
            """,
        publicText: """
            -----BEGIN PUBLIC KEY-----
            MCowBQYDK2VwAyEAEMnsFWmMNxxeC07Mj8qz/DqLsNOnhM0j2mtOiamirNk=
            -----END PUBLIC KEY-----
            """,
        members: #"""
            "kty":"OKP","crv":"Ed25519","x":"EMnsFWmMNxxeC07Mj8qz_DqLsNOnhM0j2mtOiamirNk"
            """#)

    /// The public key of `rsa` in its own form.
    package static let rsaInItsOwnForm = """
        -----BEGIN RSA PUBLIC KEY-----
        MIIBCgKCAQEAtPWPc/DCHvyScQXsNCzYKZsfJ+rLuDnfH4pTTzpqmN8Uy339Cgo5
        lRwSqc9tqlT4k/SAmnjCyGoVYS1ym5Zhw4+G2AM0fuoXGQnrjEB1of8rGGXTkNd2
        f+msg7QLysm+1cdGlAo1oRH3pP9N9879NiDldOtBSHVEmqX0EU64SjiibtsAbS1j
        /KAN79E3+vMj6PlGAi6bOUwoceMIA4IcDGvhK+G9ZK0MFp3ivtqL+cGwrRXecg20
        tTStbUgVpQ69kW73CDE0ViJf5/H8hLQ+KvITfB/TaoN+W3X68HgoLXNSEd+q7kc0
        dznz6KaICL5rhxTLL1LVR/zCkV9F/FEgLwIDAQAB
        -----END RSA PUBLIC KEY-----
        """
}
