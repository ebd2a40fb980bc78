#include "key/signers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/keyfile.h"

/* Made with Debian's ssh-keygen -Y sign -n file, over "hello\n", with the key ED_A. */
static const char by_openssh[] =
    "-----BEGIN SSH SIGNATURE-----\n"
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgU0A8pxjcTjJYja3W/5W1L5nbIL\n"
    "ewFwfyQEgum41MI60AAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx\n"
    "OQAAAECnUSs3iLrVBV1UtCH9fn8uGObpkOWxwpPXIllhb3SLiMNnBYF9tqJ5F8THhwuDeq\n"
    "sNahci33T498qTxIRYscIF\n"
    "-----END SSH SIGNATURE-----\n";

#define ED_A "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt"
#define ED_B "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6JHMEwsIEq8ySzNKLSlPS9sxoceekMw/AoEnHsWLMY"
#define NOW 1700000000                                        /* 2023-11-14 */

static struct slice digest_of(const struct hash_alg *h, const char *text)
{
	static uint8_t out[HASH_MAX];
	hash_once(h, slice_str(text), out);
	return slice_of(out, h->len);
}

static void a_signature_of_openssh_is_right(void **state)
{
	(void)state;
	struct err err = {0};
	struct sshsig *s = sshsig_read(SLICE_LIT(by_openssh), &err);
	if (s == NULL)
		fail_msg("%s", err.text);
	assert_ptr_equal(s->hash, &hash_sha512);
	assert_true(slice_eq_str(s->space, "file"));
	assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(s->hash, "hello\n"), &err), VERDICT_VERIFIED);
	assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(s->hash, "hellO\n"), &err), VERDICT_REFUSED);
	assert_int_equal(sshsig_verify(s, SLICE_LIT("git"), digest_of(s->hash, "hello\n"), &err), VERDICT_REFUSED);
	assert_int_equal(sshsig_verify(s, SLICE_LIT(""), digest_of(s->hash, "hello\n"), &err), VERDICT_REFUSED);
	struct key *k = keyfile_line(SLICE_LIT(ED_A), NULL, NULL);
	assert_true(key_equal(k, s->key));
	key_free(k);
	sshsig_free(s);
}

static struct sshsig *make(const struct key *k, struct slice signer, const struct hash_alg *h, struct buf *text)
{
	struct err err = {0};
	*text = BUF_INIT(SSHSIG_MAX);
	if (!sshsig_make(k, signer, h, SLICE_LIT("file"), digest_of(h, "x"), text, &err))
		fail_msg("%s", err.text);
	return sshsig_read(buf_slice(text), &err);
}

/* Of OpenSSH 10.5's unit tests (regress/unittests/sshsig/testdata/mldsa44-ed25519.sig): who signs is in it. */
static const char composite_1[] =
	"U1NIU0lHAAAAAQAABWcAAAAfc3NoLW1sZHNhNDQtZWQyNTUxOUBvcGVuc3NoLmNvbQAABUBCckJw18f779DiT10o2HHr8ZhWZ1+Wk71/hJ92MEvDW+sCQtQoLmsJiTg+ydswJs+dudYC"
	"CKA64Tz1UinWl6peElJkorT/QIykvZd1bPJW9Zm8XrhLj2NltY2DAVgK+d16dwo+F+jRItoJRSER55e5TwVMgVS0/uqplUWEXRvaU2zUfyMsbLg1UOGp2k5TxOzXJP8zPOlfm5hW5Qhp"
	"eFD29qK1I3EU9SDRR8H5xSTsM0BB3QS5LY33curubmVgqgvE/s0u35wz3orWpBaDgHkbsMtkjI8oGlPP+Khy6MiVqR+enNbZvqMrH2ZkWeyejt7IQbaBaISwTJSnPzYtFP9rebZHQoCv"
	"nuaFIaMEPQjoHo1TMSIGYPyU971Um7mydxqot5HCxrXAkcsz5e5UtwlG/oxRtLCWgmUh1jMewMN5VeQm44gCAp0IKGuZfsP619xVixZishQddxW7CiZ1T+HjWXtVcAdTb6g92y3JSEP2"
	"xyUfPmCrFVW/ZalLQiO9dTJJHNe15okWhCmhnE5Ea9MP+aYVHHq6glr6uL2vNTtS5qAXZS84EQxC5fQXy8oM4kM5GpDsWlM4WfKKCTH/Oi90G2tJe/lPTHvu3A3hRiD+7fdRrDxn6JFn"
	"AXI2gmkYrOmMqRgz7UgF+jXQflDiDwz3Vo5p7oHCy/tZSjqqC1ae0RN5tVM9hZtnka+ptQslAguAJL+GoQ3KtKjsaV5MT9+8yqfmryYzyiTIVZ3B9y0OwPQ8hpMZ1rQIPP9RytZTSG/a"
	"UyC3ePnN8JQo1VgqPPLqamxKeuxqoXzlpQ88OBxRh9A9JfHpfTTWdXD+cq6acZQPC3oCFjfxFVZafqjYCxem5NpvbIY0H8to+TKO9R00FNWfMZuCOJGC+zbvIY4Cv8FEyM2ifLTebo8g"
	"23M7bEeuOgYhGBjwRJMccDEaJp+8O5rfe4p6xPWiDgXNpSpCTvrO8CC3DNWzGnpW2SqgvudvFx1BFobyIGmOwl5DSAQVkgxadJF8gJ7ZDGh0elbkyL2XnyDXM5uYyfvv2H0aZA3qrqbU"
	"4x+bhZymsleO70CCOMBgHqZfnFqr+SZPvKSQoYuU02nohGYZ/aQu5aCtP/5yyQK3j/8FbLjK/rksi9NDb1fAaX/uvGmt25/QXh/c1yqTESnSogiznPeA8NtyeLCIya+6gbWlwiUDoVNP"
	"peT9SUQ0jYa9FR0Qr2/x9fuYBrqtK7Mj5jrZ/TNJiHxzyszistmV/1mmOH/hcrWZ0ZWNTQpQClH9A7SMzaSSdL6Y3P2cmqJycWj7SaAyqt+5LTq1Ie5pRSwlc8DOy8uUOL9IeeNmsJ9e"
	"cfKkWu7edH9a4D0xg0g0yMh34+eOAtmXnjzHBck0BR+sKAs0K/To5utAm4IwoE9wOTFhRRQxSpQ0bvWSW0pV3ch/VeoZZXihPDbmpQlzKSHRGavya7LikEy0btrligKbyBgRe2rWR2Ys"
	"Ppi+aDUKvtwPjw56yFjAAZtufDOQOvZutos/xa2isKgzRBMIqHnBgAL+vRObnjGm7zAXjxMPdJIflwtyiqEZXEhi4pAbj2UX3iD0rONYw2hP017/NzZMhlKqGhxQxZh0NeXStGSbT2xm"
	"TWxO+b9kCoPK1ON/P+nX5e4KxKE610n/ejaihMaKvDoGSIvGYE/SC0avc9lTk7qZh0m0/c39r5nAx5pjTrK01X9Go4hAoHW7oxSSRrgxz4HC9YYS2yot9UqJjtn72wQGF3fZ8nn/OeHD"
	"VUDCt9g/IexThNwyDliHrHLT61NdBPexTQ33xzLGjrYAAAAIdW5pdHRlc3QAAAAAAAAABnNoYTUxMgAACdsAAAAfc3NoLW1sZHNhNDQtZWQyNTUxOUBvcGVuc3NoLmNvbQAACbTPlGm4"
	"hZSSu1pnt2Tr5TpqUqvjw8F55anEUT1Yi05dtTlnkewIxMeleaY/DJGK9uoSYlauaTh+8wIjrn6ZMrFkGHY8mnA73jw0b71CWljntHPWI2lS/mWOhRcAwAKakxkmgKQDNXGCC/NfpKn2"
	"hfDvUezAbhThoBS5hNlQ+FJKWnRN2Mpa01Q7ZqBZ2vVQ2oDTPd2Yivf/5tJzkiYufkEWZKVWEO6lYjWGlk9MIXVegQPO/Ucp+B42DckzHbOiDozFC4N+DrkyMwMeY98/H7nlR72xmzw2"
	"/ylnACyLCstcagxG9cRbA2FQvbVgxQzO7Am0XLQ8ELsinwphAYRVuyU6cgClFDutraA80SVaEVHrJgKYd2FpdDfjV1cXDUaN2bQz3VXYOEq42LKOmOJBCxNCqm/EUhY1fY+nFdIwmIy5"
	"OraN6Ut93PCKtLzmlXPMwXJA5eHORnUy8j4RpO7egKEQ52GDEHHsQDjf9siEoyaVSwfgKIA30SwzXALQh3uFOjjEizv4rZb/eID6PWWu1cD/nVMG2oEJWoUeARGrRPeJHDjW4eGgAZWT"
	"bz4GRqf4t/oCeLyNvjwIg0gLphE6YTCpBttBJahG1GNWVhD1Q9EpmgWBGiEOk4ak7dPEZB0ljMgONB6p+z7H2SlvHSihpzzOldZhPMTgxMUDSG20pvyTwL40sHKPe3bOfIi7H31LDkF/";
static const char composite_2[] =
	"OeXB7SwNitG2S1dTLLzpwBbdAahqxDikDH+s17NFzNatGWlEzWQ+jzcI9/mbLpKAveGxiYC8eoL1C/y7u+vXL9eW+zyRNlSt0ewD1SIPxoEFNz/IbjzLB4TMs/raEgwPu4sLm4KAuvoj"
	"A8mGbNiTXAWsGIns5UJgsSrJUnM3/yxT86V9KBVhIUDV0GKS81+WoSnlQ/o4le0CCTXJUUfeV3gnL5SlF5RFgfE+5OFYQ2WYhl7o1MLymunQ7S0BWzBGYMXGoT/DQ6LMxqAOZkNWADeV"
	"76jDwgeIso3q4BEmHeiZOJBat5mQ04FWkrY7decWXNpkEEUQdhHc09wA/NtGla6EQzNxG7voc4gr7h1ZbJg6IhI5wnr80maDpFFoC3FAy9w1gic0kBfpklprgg9f/BMwz9RK0iULTvjT"
	"HB7vIs4iGaIhPjaiD/kxiC/spIfyWLrHT7RFWpOUIDQrCMEiF/OoJhp8v2gzW9LlYisP4UljZOj0438lxefebJQry1KUOH99HZVC7cjm41PWMkYUT1RRITlz/HhOrMqt1LZ64yVbazau"
	"kvs/P5Ngeo0HcKbbExFWu4efgeYzqgZ7wZ7PAlu82LUkBtdjaFV+c/HOkTAv1pc9X8/DuQK2eeLnO4Z9cwF2G2OaOsU53Cq4xypxqrmGEcS7Lf/9vZe271RNfH62HvlLv/PEG3VlpEHp"
	"BmUzqHiNp85aYtcMKhK6JcY6UnYiFXOarxymZYiCykVZDAUN3azdh7ClYIvUg/k7ZjSHHX2ELtzJKsonNBtt/YybaNLInrhj8s58GaJv3tZTkfxOzEMXR6iBauOATMEKu8YQ8e6h4dag"
	"sf6Q7SGzcr6Kc2Gtw+qjoDjVWcgp5ZfHKxM9e1VpWhA46INTaLzej45iI+JMqkyjMiVIEyvnydouPPRAe06CSOE4pBofDAZf+3RsiFZN9J55lcK6sBR1T7hSIIE6+XLg5ktLC+W6/1mp"
	"IWXhz+PQEZTjLwUb6KaHs8gzvolmm5OpMCw8i5WLSAQ4HPWMPxwRHdxUu2k9NQQPogw90IesBazP2+b/rZWrPNuRM63mjeZyKM8nuouID3D+C75hosfU2WNMPn0lwg+IaN4IyfMT5+TD"
	"rV3/Vtwqz+WE4fIT7IW13A5G54VyCWEazWtVQFQiGuY7JcgbcJXDtAi/Hg0yzThjU+FRJnZ2nsqi3SlTQW1nKK2xcfnrT28HN8M384KNQTJoOfAHPGWZvjMwAwMyFvwNlTzekJtmnV9Y"
	"GxeK7iZml66oEFkEA0UFL69cFuXs38WFfTSmRslqw5YMea0/N/CLMDEeIrbUqzMxGFyRPu+6VS3zJ6OyvAAGuNohW6PBFmtNJ4V8A/OavoAmh4Wklyb+ZZn9x5U2k1PvVQYHWlqa14Y8"
	"ar/THn3IAAdI8rsEZeq/phg2RlAuagpNHeK5C+SfLi5uRXbbwRqTZIGiCsb0RmKKBlp6TtcZEq7mjXprD6X1T6QsOZ191fZ3JHwzgxPyrlOgIs0XVN7MqJsnMbHLZr5/sX0W/UPRxonT"
	"a5kDcNBl/ngwbFZQjY1dwQGEtG0Pe5A45TJU0Ycfo+MRreU14FHYPq/f2Qz/585qK3epPEvVZPiZkpKITN+e8XcwvO9pgRF2+9zZYC5iKtinumQtZ3QkxagaAzt2QjacxD2HbDuKhe1r"
	"B7ITPw6TDPn50fio/vb7lkFl/7uip9Jy7yn7+6lPaKNU20KwEeWj9d0tPv8xSylW/lfU7uUQmNIe+NQrhF6qo54GOLGmiuZa7tDb6lF3/EyahlNXhuCv5+Fzd+QPumizQIOD6mv9SDf4"
	"VC0GGkmSomVqsuQUJrcVdcUZvcV54ozAM+mMlJ2ZzaTXxJ2ud6QjUFco6Vt8qudFNG6hFq9L348x97RxIgKHh4H6XKAZKY2fnJh+TNZp+vobElw06PA8iY2mqOeouJTc5QXHdrvsfuli"
	"v78YG/2/w7H7dcFjsKgQBy+k8txWf0LlF7pAz1r5Sha6ipJZXyvEVCJT54zLR7Jq4KkFmiOVUJjNE3x0a+3Rhf6JjBvXY4eipE80bRQarhYyx5UCj4Rz+AwDpCelpzUKEuLnSgwe+i7s"
	"1Ahz6S6jtR27AD6SFZJV7cgbRGlU+0AF6c8+oN6g6W6m7AOVGeV3JhfjqGdB+anRQBlc8l0tHsK7HXx7qnO7Q6MUBb0DH4ULy2lKuVfBcnnF2ECCd0b8tnHcJ392SRrW2DI+PZuTPVZ9"
	"svHiHHaLMRgj83MOFUigyYASFpJyfugKYUfazkxegp5bqJqS13+EXeZ/v5ax3pxA9x0jJDu56JU/IeQK9NAiEyaVz6vk2y5NsyiHS1i7dle1ShjlsKdVKHHIujs6xlRECal4/TI04MSV"
	"HFFDVr20LNhynZmFA9nxyRUfJW3+mSU0U1ZXdoCGudHk9gEHDyc+P1ZvdX2RmaGouL7S6fUHDg8YGywvRlBZWmNscHOXnJ2ssLe4vsLI5fT7/wgRNlJucHOosLu8vs/f+AAAAAAADB88"
	"S5ANc0JiZDzQZe2HdFhRQjE7+PY7mDMleC/fcu1YitJorDd+KZ4rARVqHn96ps17jJVCGNX21nUV3kRQplF/RQk=";

static void a_composite_signature_of_openssh_holds(void **state)
{
	(void)state;
	char *text = mem_fmt("-----BEGIN SSH SIGNATURE-----\n%s%s\n-----END SSH SIGNATURE-----\n", composite_1, composite_2);
	struct sshsig *s = sshsig_read(slice_str(text), NULL);
	uint8_t digest[HASH_MAX];
	assert_non_null(s);
	assert_string_equal(key_type(s->key), "ssh-mldsa44-ed25519@openssh.com");
	hash_once(s->hash, SLICE_LIT("This is a test, this is only a test"), digest);
	assert_int_equal(sshsig_verify(s, SLICE_LIT("unittest"), slice_of(digest, s->hash->len), NULL), VERDICT_VERIFIED);
	digest[0] ^= 1;
	assert_int_equal(sshsig_verify(s, SLICE_LIT("unittest"), slice_of(digest, s->hash->len), NULL), VERDICT_REFUSED);
	sshsig_free(s);
	mem_free(text);
}

/* Either half alone is worth nothing. */
static void both_halves_of_a_composite_signature_count(void **state)
{
	(void)state;
	struct key *k = key_generate(SLICE_LIT("ssh-mldsa44-ed25519@openssh.com"), 0, NULL);
	const struct key_alg *alg = key_alg_find(SLICE_LIT("ssh-mldsa44-ed25519@openssh.com"));
	struct buf sig = BUF_INIT(8192);
	assert_true(alg->off);
	assert_true(key_sign(k, alg, SLICE_LIT("text"), &sig, NULL));
	assert_int_equal(sig.len, 4 + 31 + 4 + 2420 + 64);
	for (size_t at = 4 + 31 + 4; at < sig.len; at += 61) {
		sig.p[at] ^= 1;
		assert_int_equal(key_verify(k, alg, SLICE_LIT("text"), buf_slice(&sig)), VERDICT_REFUSED);
		sig.p[at] ^= 1;
	}
	sig.p[sig.len - 70] ^= 1;
	assert_int_equal(key_verify(k, alg, SLICE_LIT("text"), buf_slice(&sig)), VERDICT_REFUSED);
	sig.p[sig.len - 70] ^= 1;
	assert_int_equal(key_verify(k, alg, SLICE_LIT("text"), buf_slice(&sig)), VERDICT_VERIFIED);
	buf_clear(&sig);
	key_free(k);
}

static void every_type_signs(void **state)
{
	(void)state;
	size_t n;
	const struct key_kind *kinds = key_kind_list(&n);
	for (size_t i = 0; i < n; i++) {
		if (kinds[i].sk)
			continue;
		struct key *k = key_generate(slice_str(kinds[i].name), 1024, NULL);
		const struct hash_alg *h = i % 2 ? &hash_sha256 : &hash_sha512;
		struct buf signer = BUF_INIT(8192), text;
		key_blob(k, &signer);
		struct sshsig *s = make(k, buf_slice(&signer), h, &text);
		assert_non_null(s);
		assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(h, "x"), NULL), VERDICT_VERIFIED);
		sshsig_free(s);
		/* The same signature under another key's name. */
		struct key *other = key_generate(slice_str(kinds[i].name), 1024, NULL);
		buf_clear(&text);
		buf_reset(&signer);
		key_blob(other, &signer);
		s = make(k, buf_slice(&signer), h, &text);
		assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(h, "x"), NULL), VERDICT_REFUSED);
		sshsig_free(s);
		key_free(k);
		key_free(other);
		buf_clear(&text);
		buf_clear(&signer);
	}
}

static void broken_signatures_are_refused(void **state)
{
	(void)state;
	struct buf raw = BUF_INIT(4096), text = BUF_INIT(8192);
	struct slice body = SLICE_LIT(by_openssh);
	for (size_t n = 0; n < body.n - 1; n++)
		assert_null(sshsig_read(slice_of(body.p, n), NULL));
	slice_line(&body);
	body.n -= sizeof "-----END SSH SIGNATURE-----\n" - 1;
	assert_true(get_base64(body, &raw));
	for (size_t i = 0; i <= raw.len; i++) {
		if (i < raw.len)
			raw.p[i] ^= 1;
		else
			put_u8(&raw, 0);
		buf_reset(&text);
		put_str(&text, "-----BEGIN SSH SIGNATURE-----\n");
		put_base64_lines(&text, buf_slice(&raw), 70);
		put_str(&text, "-----END SSH SIGNATURE-----\n");
		struct sshsig *s = sshsig_read(buf_slice(&text), NULL);
		if (s)
			assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(s->hash, "hello\n"), NULL), VERDICT_REFUSED);
		sshsig_free(s);
		if (i + 1 < raw.len)
			raw.p[i] ^= 1;
		else
			break;
	}
	buf_clear(&raw);
	buf_clear(&text);
}

static size_t find(const char *signers, const struct sshsig *s, const char *name, const char *space, struct buf *names)
{
	struct buf why = BUF_INIT(10000);
	struct signers_query q = {s, slice_str(name), slice_str(space), NOW, 3600};
	*names = BUF_INIT(10000);
	size_t line = signers_find(slice_str(signers), &q, names, &why);
	buf_clear(&why);
	return line;
}

static void lines_of_signers_are_judged(void **state)
{
	(void)state;
	static const struct { const char *text, *name, *space; size_t want; } rows[] = {
		{"a@x " ED_A "\n", "a@x", "file", 1},
		{"# c\n\na@x,*@y " ED_A " comment\n", "b@y", "file", 3},
		{"a@x " ED_A, "A@x", "file", 0},
		{"a@x " ED_B, "a@x", "file", 0},
		{"*,!a@x " ED_A, "a@x", "file", 0},
		{"a@x " ED_B "\na@x " ED_A, "a@x", "file", 2},
		{"\"a@x,b c@x\" " ED_A, "b c@x", "file", 1},
		{"a@x namespaces=\"git,fi*\" " ED_A, "a@x", "file", 1},
		{"a@x namespaces=\"git\" " ED_A, "a@x", "file", 0},
		{"a@x namespaces=\"\" " ED_A, "a@x", "file", 0},
		{"a@x NAMESPACES=\"file\",Valid-After=\"20230101\" " ED_A, "a@x", "file", 1},
		{"a@x valid-after=\"20240101\" " ED_A, "a@x", "file", 0},
		{"a@x valid-before=\"20231114231319\" " ED_A, "a@x", "file", 0},
		{"a@x valid-before=\"20231114231320\" " ED_A, "a@x", "file", 1},
		{"a@x valid-before=\"20231114221319Z\" " ED_A, "a@x", "file", 0},
		{"a@x valid-after=\"20230101\",valid-before=\"20220101\" " ED_A, "a@x", "file", 0},
		{"a@x valid-after=\"x\" " ED_A, "a@x", "file", 0},
		{"a@x cert-authority " ED_A, "a@x", "file", 0},
		{"a@x unknown " ED_A, "a@x", "file", 0},
		{"a@x namespaces " ED_A, "a@x", "file", 0},
		{"a@x namespaces=file " ED_A, "a@x", "file", 0},
		{"a@x namespaces=\"file\", " ED_A, "a@x", "file", 0},
		{"a@x namespaces=\"git\",namespaces=\"file\" " ED_A, "a@x", "file", 0},
		{"a@x", "a@x", "file", 0},
		{ED_A, "ssh-ed25519", "file", 0},
		{"a@x \"namespaces=\"file\" " ED_A, "a@x", "file", 0},
	};
	struct sshsig *s = sshsig_read(SLICE_LIT(by_openssh), NULL);
	struct buf names;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (find(rows[i].text, s, rows[i].name, rows[i].space, &names) != rows[i].want)
			fail_msg("row %zu: %s", i, rows[i].text);
		assert_int_equal(rows[i].want > 0, names.len > 0);
		buf_clear(&names);
	}
	assert_int_equal(find("a@x,b@* namespaces=\"git\" " ED_A, s, NULL, NULL, &names), 1);
	assert_string_equal(buf_cstr(&names), "a@x,b@*");
	buf_clear(&names);
	sshsig_free(s);
}

static void certificates_need_their_authority(void **state)
{
	(void)state;
	struct key *k = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL), *ca = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
	struct buf blob = BUF_INIT(CERT_MAX), list = BUF_INIT(100), line = BUF_INIT(1000), plain = BUF_INIT(1000), text, names;
	put_cstring(&list, "a@x");
	put_cstring(&list, "c@z");
	struct cert_request q = {.key = k, .role = CERT_USER, .before = CERT_FOREVER, .key_id = SLICE_LIT("i"), .principals = buf_slice(&list)};
	assert_true(cert_sign(&q, ca, key_alg_find(SLICE_LIT("ssh-ed25519")), &blob, NULL));
	struct sshsig *s = make(k, buf_slice(&blob), &hash_sha512, &text);
	assert_non_null(s);
	assert_non_null(s->cert);
	assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(&hash_sha512, "x"), NULL), VERDICT_VERIFIED);
	put_str(&line, "*@x,b@* cert-authority ");
	keyfile_write_line(ca, slice_of(NULL, 0), &line);
	assert_int_equal(find(buf_cstr(&line), s, "a@x", "file", &names), 1);
	buf_clear(&names);
	assert_int_equal(find(buf_cstr(&line), s, "b@x", "file", &names), 0);      /* not in the certificate */
	buf_clear(&names);
	assert_int_equal(find(buf_cstr(&line), s, "c@z", "file", &names), 0);      /* not in the line */
	buf_clear(&names);
	assert_int_equal(find(buf_cstr(&line), s, NULL, "file", &names), 1);
	assert_string_equal(buf_cstr(&names), "a@x");
	buf_clear(&names);
	put_str(&plain, "a@x ");
	keyfile_write_line(k, slice_of(NULL, 0), &plain);
	assert_int_equal(find(buf_cstr(&plain), s, "a@x", "file", &names), 0);     /* a plain line is for the plain key */
	buf_clear(&names);
	buf_reset(&plain);
	put_str(&plain, "a@x ");
	keyfile_write_line(ca, slice_of(NULL, 0), &plain);
	assert_int_equal(find(buf_cstr(&plain), s, "a@x", "file", &names), 0);     /* a CA only where it is called one */
	buf_clear(&names);
	sshsig_free(s);
	key_free(k);
	key_free(ca);
	buf_clear(&blob);
	buf_clear(&list);
	buf_clear(&line);
	buf_clear(&plain);
	buf_clear(&text);
}

static void names_match_lines(void **state)
{
	(void)state;
	struct buf lines = BUF_INIT(1000);
	assert_true(signers_match(SLICE_LIT("a@x,b@x " ED_A "\n*@x namespaces=\"g\" " ED_B "\nc@x " ED_A "\n"), SLICE_LIT("a@x"), &lines));
	assert_string_equal(buf_cstr(&lines), "a@x,b@x\n*@x\n");
	assert_false(signers_match(SLICE_LIT("a@x " ED_A "\n"), SLICE_LIT("b@x"), &lines));
	buf_clear(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_of_openssh_is_right),
		cmocka_unit_test(a_composite_signature_of_openssh_holds),
		cmocka_unit_test(both_halves_of_a_composite_signature_count),
		cmocka_unit_test(every_type_signs),
		cmocka_unit_test(broken_signatures_are_refused),
		cmocka_unit_test(lines_of_signers_are_judged),
		cmocka_unit_test(certificates_need_their_authority),
		cmocka_unit_test(names_match_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
