// What libcurl is told about one exchange, and what its errors mean.
#include "base/http_curl_transfer.h"

#include <algorithm>
#include <cstdlib>
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509_vfy.h>
#include <string_view>
#include <sys/socket.h>
#include <system_error>

#include "base/terminal.h"

namespace mlctl::http_detail {
namespace {

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  return static_cast<Transfer*>(user)->answer.add_header_line({data, size}) ? size : 0;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  return static_cast<Transfer*>(user)->answer.add_body({data, size}) ? size : 0;
}

std::size_t on_upload(char* into, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  auto got = transfer.request->upload->read(into, size);
  if (got) return *got;
  transfer.unread = got.error();
  return CURL_READFUNC_ABORT;
}

int on_connected(void* user, char*, char*, int, int) {
  static_cast<Transfer*>(user)->sent = system_clock().steady();
  return CURL_PREREQFUNC_OK;
}

// A connection that lives for minutes, often silent: who does not answer for 45 s is gone, as a health check of HTTP/2
// with 30 s of silence and 15 s for the ping would say.
constexpr int quiet_s = 30, probe_s = 5, probes = 3;

int on_socket_made(void*, curl_socket_t socket, curlsocktype) {
  const int milliseconds = (quiet_s + probes * probe_s) * 1000;
  static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes));
  static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds));
  return CURL_SOCKOPT_OK;
}

void watch_connection(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, static_cast<long>(quiet_s));
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, static_cast<long>(probe_s));
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
}

Error timed_out(const Transfer& transfer) {
  const HttpRequest& request = *transfer.request;
  curl_off_t total = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_TOTAL_TIME_T, &total);
  const bool stalled = request.stall.count() > 0 && std::chrono::microseconds(total) < request.limit;
  return {Error::Kind::timeout,
          stalled ? transfer.origin + ": no byte for " + human_duration(request.stall)
                  : "no answer from " + transfer.origin + " within " + human_duration(request.limit),
          ""};
}

Error not_connected(const Transfer& transfer) {
  long number = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_OS_ERRNO, &number);
  const std::string why = number == 0 ? "" : ": " + std::generic_category().message(static_cast<int>(number));
  return {Error::Kind::unavailable, "cannot connect to " + transfer.origin + why, ""};
}

void set_method_and_body(CURL* easy, Transfer& transfer) {
  const HttpRequest& request = *transfer.request;
  const auto body = request.body.empty() ? request.body_view : std::string_view(request.body);
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request.upload) {
    const auto size = request.upload->size ? static_cast<curl_off_t>(*request.upload->size) : curl_off_t{-1};
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20U);
  } else if (request.method == "GET" && body.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    return;
  } else {
    // The bytes are read where they are: they outlive the transfer.
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    if (body.size() > (1U << 20U)) curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20U);
  }
  if (request.method != "POST" || request.upload) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void set_headers(Transfer& transfer) {
  curl_slist_free_all(static_cast<curl_slist*>(transfer.headers));
  // libcurl's own additions, switched off: no pause before a body, no guess at its type.
  curl_slist* headers = curl_slist_append(nullptr, "Expect:");
  bool typed = false;
  for (const auto& [name, value] : transfer.request->headers) {
    typed = typed || lower(name) == "content-type";
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    headers = curl_slist_append(headers, line.c_str());
  }
  if (!typed) headers = curl_slist_append(headers, "Content-Type:");
  transfer.headers = headers;
  curl_easy_setopt(transfer.easy, CURLOPT_HTTPHEADER, headers);
}

curl_blob blob_of(const std::string& text) {
  return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_NOCOPY};  // NOLINT: read only
}

// libcurl knows no name for the certificate but that of the URL: it is told another host, and where that host is.
void set_server_name(Transfer& transfer, const std::string& name) {
  const std::string& url = transfer.request->url;
  const auto scheme = url.find("://") + 3;
  const auto end = std::min(url.find_first_of("/?#", scheme), url.size());
  const std::string authority = url.substr(scheme, end - scheme);
  const auto colon = authority.rfind(':');
  const bool has_port = colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  const std::string port = has_port ? authority.substr(colon + 1) : "443";
  const std::string host = has_port ? authority.substr(0, colon) : authority;
  curl_easy_setopt(transfer.easy, CURLOPT_URL, ("https://" + name + ":" + port + url.substr(end)).c_str());
  curl_slist* list = curl_slist_append(nullptr, (name + ":" + port + ":" + host + ":" + port).c_str());
  transfer.connect_to = list;
  curl_easy_setopt(transfer.easy, CURLOPT_CONNECT_TO, list);
}

void set_tls(Transfer& transfer, const HttpSettings& settings) {
  CURL* easy = transfer.easy;
  curl_slist_free_all(static_cast<curl_slist*>(transfer.connect_to));
  transfer.connect_to = nullptr;
  if (!settings.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, settings.ca_file.c_str());
  if (!settings.ca_pem.empty()) {
    const curl_blob authority = blob_of(settings.ca_pem);
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &authority);
  }
  if (!settings.client_certificate.empty()) {
    const curl_blob certificate = blob_of(settings.client_certificate), key = blob_of(settings.client_key);
    curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &certificate);
    curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
  }
  if (settings.insecure) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!settings.server_name.empty() && transfer.request->url.starts_with("https://"))
    set_server_name(transfer, settings.server_name);
}

}  // namespace

Transfer::Transfer() : easy(curl_easy_init()) {}

Transfer::~Transfer() {
  curl_easy_cleanup(easy);
  curl_slist_free_all(static_cast<curl_slist*>(headers));
  curl_slist_free_all(static_cast<curl_slist*>(connect_to));
}

void set_up(Transfer& transfer, std::chrono::milliseconds left, const HttpSettings& settings) {
  CURL* easy = transfer.easy;
  const HttpRequest& request = *transfer.request;
  curl_easy_reset(easy);
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  if (settings.http2) {
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);  // for a connection that carries several
    watch_connection(easy);
  }
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   static_cast<long>(settings.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "mlctl/" MLCTL_VERSION);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(left.count(), 1)));
  if (request.stall.count() > 0) {
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(std::chrono::ceil<std::chrono::seconds>(request.stall).count()));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.stall.count()));
  }
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set_tls(transfer, settings);
  if (!settings.proxy.empty() || is_loopback(transfer.origin))
    curl_easy_setopt(easy, CURLOPT_PROXY, settings.proxy.c_str());
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  if (request.sink)
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10U);
  else if (request.method != "HEAD")
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.body_limit));
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
  set_method_and_body(easy, transfer);
  set_headers(transfer);
}

static Error too_large(const std::string& where, const std::string& why) {
  return {Error::Kind::unavailable, "answer of " + where + " is too large: " + why,
          "something is wrong with that server, or with a proxy before it"};
}

// Whether it was the proxy is not known here; that there may be one is. Its address may hold a password.
static Error with_proxy(Error error, const std::string& where) {
  if (is_loopback(where)) return error;  // never through one
  for (const char* name : {"HTTPS_PROXY", "https_proxy", "http_proxy", "ALL_PROXY", "all_proxy"}) {
    const bool secure = where.starts_with("https:");
    if ((secure && std::string_view(name) == "http_proxy") || (!secure && lower(name) == "https_proxy")) continue;
    const char* set = std::getenv(name);
    if (set == nullptr || *set == '\0') continue;
    error.message += std::string(", and ") + name + " is set";
    break;
  }
  return error;
}

// Of the server's certificate: what the authority vouches for is over, or somebody's clock is wrong.
static Error bad_certificate(const Transfer& transfer) {
  long verdict = X509_V_OK;
  curl_easy_getinfo(transfer.easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
  const auto certificate = "the certificate of " + transfer.origin;
  if (verdict == X509_V_ERR_CERT_HAS_EXPIRED)
    return {Error::Kind::unavailable, certificate + " has expired, by the clock here", "renew it, or set the clock"};
  if (verdict == X509_V_ERR_CERT_NOT_YET_VALID)
    return {Error::Kind::unavailable, certificate + " is not valid yet, by the clock here", "set the clock"};
  return {Error::Kind::unavailable, certificate + " is not trusted, or is not its own",
          "`--ca-file FILE` trusts the authority in FILE"};
}

Error error_of(const Transfer& transfer, int code) {
  using Kind = Error::Kind;
  const std::string& where = transfer.origin;
  if (transfer.unread) return *transfer.unread;
  if (transfer.answer.refused) return *transfer.answer.refused;
  switch (static_cast<CURLcode>(code)) {
    case CURLE_OPERATION_TIMEDOUT:
      return timed_out(transfer);
    case CURLE_COULDNT_CONNECT:
      return with_proxy(not_connected(transfer), where);
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Kind::unavailable, "cannot find the address of " + where, ""};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return with_proxy({Kind::unavailable, "cannot find the address of the proxy for " + where, ""}, where);
    case CURLE_FILESIZE_EXCEEDED:
      return too_large(where, "more than " + human_bytes(transfer.request->body_limit));
    case CURLE_WRITE_ERROR:
      if (!transfer.answer.too_large.empty()) return too_large(where, transfer.answer.too_large);
      break;
    case CURLE_PARTIAL_FILE:
      return {Kind::unavailable, "answer of " + where + " ended too early", ""};
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return with_proxy({Kind::unavailable, "connection to " + where + " was closed before the answer", ""}, where);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return {Kind::unavailable, "answer of " + where + " is not HTTP", ""};
    case CURLE_URL_MALFORMAT:
      return {Kind::usage, "malformed URL: " + where, ""};
    case CURLE_PEER_FAILED_VERIFICATION:
      return bad_certificate(transfer);
    case CURLE_SSL_CERTPROBLEM:
      return {Kind::credentials, "the client certificate for " + where + " cannot be used, or its key does not fit",
              ""};
    case CURLE_SSL_CACERT_BADFILE:
      return {Kind::usage, "cannot read certificates from the file of --ca-file", "a file of certificates in PEM"};
    case CURLE_SSL_CONNECT_ERROR:
      return {Kind::unavailable,
              where + " does not speak TLS as it should: " + curl_easy_strerror(CURLE_SSL_CONNECT_ERROR),
              "`--plain-http` speaks HTTP without TLS"};
    default:
      break;
  }
  return {Kind::unavailable, "exchange with " + where + " failed: " + curl_easy_strerror(static_cast<CURLcode>(code)),
          ""};
}

}  // namespace mlctl::http_detail
