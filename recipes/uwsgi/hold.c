/*
 * Holds each request until it is whole, and each answer, so that a process of the application's never waits for a client.
 *
 * A session goes through stages: the head of its request, its body, waiting for the answer, sending it. What a client
 * sends has a deadline that its bytes put off a little, not its patience. The router refuses what is no HTTP itself, with an answer.
 * No more requests are handed over at once than the socket of the processes can hold; the others wait here, in order.
 */

#include "common.h"

extern struct uwsgi_server uwsgi;
extern struct uwsgi_http uhttp;

enum { HEAD, BODY, WAITING, ANSWERING, REFUSING, DRAINING };
enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LF, LAST_LF, COMPLETE };

/* Seconds for a body and for an answer, and one more for so many bytes of it; and to take leave of a client. */
#define BODY_SECONDS 10
#define BODY_BYTES_PER_SECOND 500
#define ANSWER_SECONDS 10
#define ANSWER_BYTES_PER_SECOND 20000
#define LEAVE_SECONDS 2
/* The most that the protocol between router and processes carries, with room for what the router adds. */
#define LONGEST_HEAD 60000
#define MOST_FIELDS 100
/* Of a chunk's size line, and of what follows the last chunk. */
#define LONGEST_EXTRA 4096

static struct http_session *first_waiting, *last_waiting;
static int handed_over;

static void hold_refuse(struct corerouter_peer *, int, const char *, const char *);

/* Lets the client's timer end at the session's deadline. */
void hold_clock(struct corerouter_peer *main_peer) {
	struct http_session *hr = (struct http_session *) main_peer->session;
	time_t now = uwsgi_now();
	if (hr->hold_stage == HEAD && !hr->hold_deadline) hr->hold_deadline = now + uhttp.headers_timeout;
	main_peer->current_timeout = hr->hold_deadline > now ? hr->hold_deadline - now : 0;
	main_peer->timeout = corerouter_reset_timeout(main_peer->session->corerouter, main_peer);
}

static void hold_enter(struct corerouter_peer *main_peer, int stage, int seconds) {
	struct http_session *hr = (struct http_session *) main_peer->session;
	hr->hold_stage = stage;
	hr->hold_deadline = uwsgi_now() + seconds;
	hold_clock(main_peer);
}

static void hold_leave_queue(struct http_session *hr) {
	if (!hr->hold_queued) return;
	if (hr->hold_before) hr->hold_before->hold_after = hr->hold_after; else first_waiting = hr->hold_after;
	if (hr->hold_after) hr->hold_after->hold_before = hr->hold_before; else last_waiting = hr->hold_before;
	hr->hold_before = hr->hold_after = NULL;
	hr->hold_queued = 0;
}

/* Comes with the end of a session. */
void hold_forget(struct http_session *hr) {
	hold_leave_queue(hr);
	if (hr->hold_body) uwsgi_buffer_destroy(hr->hold_body);
	hr->hold_body = NULL;
}

/* Hands the buffer, which is the client's from now on, to the client; the session ends with its last byte. */
static int hold_send(struct corerouter_peer *main_peer, struct uwsgi_buffer *answer) {
	struct http_session *hr = (struct http_session *) main_peer->session;
	main_peer->out = answer;
	main_peer->out_pos = 0;
	main_peer->out_need_free = 1;
	main_peer->session->wait_full_write = 1;
	cr_write_to_main(main_peer, hr->func_write);
	return 0;
}

static void hold_refuse(struct corerouter_peer *main_peer, int status, const char *title, const char *message) {
	char body[512], head[512];
	hold_leave_queue((struct http_session *) main_peer->session);
	uwsgi_log("[uwsgi-http] %s: %d %s: %s\n", main_peer->session->client_address, status, title, message);
	int length = uhttp.hold_html
		? snprintf(body, sizeof(body), "<!DOCTYPE html>\n<title>%d %s</title>\n<h1>%s</h1>\n<p>%s</p>\n", status, title, title, message)
		: snprintf(body, sizeof(body), "{\"error\": {\"code\": %d, \"message\": \"%s\", \"title\": \"%s\"}}\n", status, message, title);
	int size = snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\nContent-Length: %d\r\n%sConnection: close\r\n\r\n",
		status, title, uhttp.hold_html ? "text/html; charset=utf-8" : "application/json", length, status == 503 ? "Retry-After: 5\r\n" : "");
	struct uwsgi_buffer *answer = uwsgi_buffer_new(size + length);
	if (uwsgi_buffer_append(answer, head, size) || uwsgi_buffer_append(answer, body, length)) exit(1);
	hold_enter(main_peer, REFUSING, LEAVE_SECONDS * 5);
	hold_send(main_peer, answer);
}

/* Reads what a refused client still sends: with unread bytes the kernel would take the answer back. */
static ssize_t hold_drain(struct corerouter_peer *main_peer) {
	char buf[16384];
	hold_clock(main_peer);
	ssize_t len = read(main_peer->fd, buf, sizeof(buf));
	if (len < 0) cr_try_again;
	return len;
}

/* Whether the session goes on after its last byte was written. */
int hold_takes_leave(struct corerouter_peer *main_peer) {
	struct http_session *hr = (struct http_session *) main_peer->session;
	if (hr->hold_stage != REFUSING) {
		/* A client may have sent more behind its request, such as the end of its half of TLS: see hold_drain(). */
		char buf[16384];
		int i;
		for (i = 0; i < 4 && read(main_peer->fd, buf, sizeof(buf)) == sizeof(buf); i++);
		return 0;
	}
#ifdef UWSGI_SSL
	if (hr->ssl) SSL_shutdown(hr->ssl);
	main_peer->flush = NULL;
#endif
	shutdown(main_peer->fd, SHUT_WR);
	hold_enter(main_peer, DRAINING, LEAVE_SECONDS);
	return !uwsgi_cr_set_hooks(main_peer, hold_drain, NULL);
}

/* What the client is told when time is up; 0 if its connection just ends. */
int hold_expired(struct corerouter_peer *peer) {
	struct corerouter_peer *main_peer = peer->session->main_peer;
	struct http_session *hr = (struct http_session *) peer->session;
	if (peer != main_peer) return 0;
	if (hr->hold_stage == WAITING) {
		hold_refuse(main_peer, 503, "Service Unavailable", "No process was free in time.");
		return 1;
	}
	if (hr->hold_stage > WAITING || !main_peer->in->pos) return 0;
	hold_refuse(main_peer, 408, "Request Timeout", "The request was not sent in time.");
	return 1;
}

/* The answer of a process, which is done with it when it has written the last byte. */
static ssize_t hold_answer(struct corerouter_peer *peer) {
	struct http_session *hr = (struct http_session *) peer->session;
	peer->in->limit = 0;
	if (uwsgi_buffer_ensure(peer->in, UMAX16)) return -1;
	ssize_t len = read(peer->fd, peer->in->buf + peer->in->pos, peer->in->len - peer->in->pos);
	if (len < 0) {
		cr_try_again;
		/* A process that did not read the whole request ends the connection so. */
		if (errno != ECONNRESET) uwsgi_cr_error(peer, "hold_answer()");
	}
	if (len > 0) {
		peer->in->pos += len;
		return len;
	}
	if (peer->in->pos > 0 && hr->hold_stage == WAITING) {
		struct uwsgi_buffer *answer = peer->in;
		peer->in = NULL;
		hold_enter(peer->session->main_peer, ANSWERING, ANSWER_SECONDS + answer->pos / ANSWER_BYTES_PER_SECOND);
		hold_send(peer->session->main_peer, answer);
	}
	return 0;
}

static void hold_hand_over_next(void);

/* Comes with the end of a connection to a process, whatever the reason. */
static ssize_t hold_gone(struct corerouter_peer *peer) {
	struct http_session *hr = (struct http_session *) peer->session;
	struct corerouter_peer *main_peer = peer->session->main_peer;
	handed_over--;
	if (main_peer && hr->hold_stage == WAITING) {
		if (peer->timed_out) hold_refuse(main_peer, 504, "Gateway Timeout", "The process did not answer in time.");
		else hold_refuse(main_peer, 502, "Bad Gateway", "The process ended without an answer.");
	}
	hold_hand_over_next();
	return 0;
}

static int hold_connect(struct corerouter_peer *peer) {
	http_set_timeout(peer, uhttp.connect_timeout);
	cr_connect(peer, hr_instance_connected);
	return 0;
}

static void hold_hand_over(struct http_session *hr) {
	struct corerouter_peer *main_peer = hr->session.main_peer;
	struct uwsgi_corerouter *ucr = hr->session.corerouter;
	struct corerouter_peer *peer = uwsgi_cr_peer_add(&hr->session);
	peer->last_hook_read = hold_answer;
	hr->content_length = hr->hold_body ? hr->hold_body->pos : 0;
	size_t length = hr->content_length;
	if (http_headers_parse(peer) || (hr->hold_chunked && uwsgi_buffer_append_keynum(peer->out, "CONTENT_LENGTH", 14, length))) {
		hold_refuse(main_peer, 431, "Request Header Fields Too Large", "The head of the request is too long.");
		return;
	}
	if (ucr->mapper(ucr, peer) || peer->instance_address_len == 0) {
		hold_refuse(main_peer, 503, "Service Unavailable", "No process is there.");
		return;
	}
	/* The router would give no request to it for a while after one that failed, and there is no other. */
	peer->static_node = NULL;
	uint16_t size = peer->out->pos - 4;
	peer->out->buf[0] = 0;
	peer->out->buf[1] = (uint8_t) (size & 0xff);
	peer->out->buf[2] = (uint8_t) ((size >> 8) & 0xff);
	peer->out->buf[3] = 0;
	peer->out->limit = 0;
	if (length && uwsgi_buffer_append(peer->out, hr->hold_body->buf, length)) exit(1);
	hold_forget(hr);
	handed_over++;
	peer->flush = hold_gone;
	if (hold_connect(peer)) corerouter_close_peer(ucr, peer);
}

static void hold_hand_over_next(void) {
	while (first_waiting && handed_over < uwsgi.listen_queue) {
		struct http_session *hr = first_waiting;
		hold_leave_queue(hr);
		hold_hand_over(hr);
	}
}

static ssize_t hold_wait(struct corerouter_peer *main_peer) {
	struct http_session *hr = (struct http_session *) main_peer->session;
	if (uwsgi_cr_set_hooks(main_peer, NULL, NULL)) return -1;
	/* A client that has said all may close its half, or go on with what nobody reads. */
	main_peer->disabled = 1;
	hold_enter(main_peer, WAITING, uhttp.cr.socket_timeout);
	hr->hold_before = last_waiting;
	if (last_waiting) last_waiting->hold_after = hr; else first_waiting = hr;
	last_waiting = hr;
	hr->hold_queued = 1;
	hold_hand_over_next();
	return 1;
}

static int hold_is_token(char c) {
	return isalnum((unsigned char) c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* How many bytes of a line are a token. */
static size_t hold_token(const char *line, size_t len) {
	size_t i = 0;
	while (i < len && hold_is_token(line[i])) i++;
	return i;
}

/* METHOD TARGET HTTP/1.x. Returns x, or -1. */
static int hold_request_line(const char *line, size_t len) {
	size_t method = hold_token(line, len);
	if (!method || method == len || line[method] != ' ') return -1;
	const char *space = memchr(line + method + 1, ' ', len - method - 1);
	if (!space || space == line + method + 1) return -1;
	if (line + len - space != 9 || memcmp(space, " HTTP/1.", 8)) return -1;
	if (memchr(line, '\t', len)) return -1;
	return space[8] == '1' ? 1 : space[8] == '0' ? 0 : -1;
}

static int hold_is_host(const char *value, size_t len) {
	size_t i;
	for (i = 0; i < len; i++) {
		if (!isalnum((unsigned char) value[i]) && !strchr(".-_:[]%~", value[i])) return 0;
	}
	return len > 0 && len <= 255;
}

#define NAMED(what) (name == sizeof(what) - 1 && !strncasecmp(line, what, name))

/*
 * Checks a whole head, finds what its body is, and takes out fields that are the router's matter, or that would pass for
 * others in a process, where `_` and `-` are the same. Returns the status of a refusal, or 0.
 */
static int hold_check_head(struct corerouter_peer *main_peer) {
	struct http_session *hr = (struct http_session *) main_peer->session;
	struct uwsgi_buffer *in = main_peer->in;
	char *line = in->buf, *end;
	int fields = 0, hosts = 0, lengths = 0, codings = 0, minor = 0;
	while ((end = memchr(line, '\r', in->buf + hr->headers_size - line + 1)) != NULL && end > line) {
		size_t len = end - line;
		char *next = end + 2;
		if (line == in->buf) {
			if ((minor = hold_request_line(line, len)) < 0) return 400;
			line = next;
			continue;
		}
		size_t name = hold_token(line, len);
		if (!name || name == len || line[name] != ':') return 400;
		if (++fields > MOST_FIELDS) return 431;
		char *value = line + name + 1, *last = end;
		while (value < last && (*value == ' ' || *value == '\t')) value++;
		while (last > value && (last[-1] == ' ' || last[-1] == '\t')) last--;
		size_t size = last - value;
		int drop = memchr(line, '_', name) != NULL;
		if (NAMED("Host")) {
			if (hosts++ || !hold_is_host(value, size)) return 400;
		}
		else if (NAMED("Content-Length")) {
			size_t i;
			size = end - value;
			if (lengths++ || size == 0 || size > 15 || value[-1] == '\t') return 400;
			for (i = 0; i < size; i++) if (!isdigit((unsigned char) value[i])) return 400;
			hr->hold_length = uwsgi_str_num(value, size);
		}
		else if (NAMED("Transfer-Encoding")) {
			if (codings++ || minor == 0) return 400;
			if (size != 7 || strncasecmp(value, "chunked", 7)) return 501;
			hr->hold_chunked = 1;
			drop = 1;
		}
		else if (NAMED("Expect")) {
			if (size != 12 || strncasecmp(value, "100-continue", 12)) return 417;
			hr->send_expect_100 = minor;
			drop = 1;
		}
		if (drop) {
			memmove(line, next, in->buf + in->pos - next);
			in->pos -= next - line;
			hr->headers_size -= next - line;
		}
		else line = next;
	}
	if (minor == 1 && !hosts) return 400;
	if (lengths && codings) return 400;
	if (hr->hold_length > uhttp.hold) return 413;
	return 0;
}

/* Takes the bytes of a chunked body. Returns the status of a refusal, or 0. */
static int hold_chunks(struct http_session *hr, const char *data, size_t len) {
	size_t i;
	for (i = 0; i < len && hr->hold_chunk_stage != COMPLETE; i++) {
		char c = data[i];
		switch (hr->hold_chunk_stage) {
		case SIZE:
			if (isxdigit((unsigned char) c)) {
				int digit = isdigit((unsigned char) c) ? c - '0' : (c | 0x20) - 'a' + 10;
				hr->hold_chunk = hr->hold_chunk * 16 + digit;
				hr->hold_digits++;
				if (hr->hold_chunk > uhttp.hold) return 413;
				if (hr->hold_digits > 16) return 400;
				break;
			}
			if (!hr->hold_digits) return 400;
			if (c == '\r') hr->hold_chunk_stage = SIZE_LF;
			else if (c == ';' || c == ' ' || c == '\t') hr->hold_chunk_stage = EXTENSION;
			else return 400;
			break;
		case EXTENSION:
			if (++hr->hold_extra > LONGEST_EXTRA || c == '\n') return 400;
			if (c == '\r') hr->hold_chunk_stage = SIZE_LF;
			break;
		case SIZE_LF:
			if (c != '\n') return 400;
			hr->hold_digits = 0;
			hr->hold_chunk_stage = hr->hold_chunk ? DATA : TRAILER;
			hr->hold_trailer = 0;
			break;
		case DATA: {
			size_t some = UMIN(hr->hold_chunk, len - i);
			if (hr->hold_body->pos + some > uhttp.hold) return 413;
			if (uwsgi_buffer_append(hr->hold_body, (char *) data + i, some)) return 413;
			hr->hold_chunk -= some;
			i += some - 1;
			if (!hr->hold_chunk) hr->hold_chunk_stage = DATA_CR;
			break;
		}
		case DATA_CR:
			if (c != '\r') return 400;
			hr->hold_chunk_stage = DATA_LF;
			break;
		case DATA_LF:
			if (c != '\n') return 400;
			hr->hold_chunk_stage = SIZE;
			break;
		case TRAILER:
			if (++hr->hold_extra > LONGEST_EXTRA || c == '\n') return 400;
			if (c == '\r') hr->hold_chunk_stage = hr->hold_trailer ? TRAILER_LF : LAST_LF;
			else hr->hold_trailer = 1;
			break;
		case TRAILER_LF:
			if (c != '\n') return 400;
			hr->hold_trailer = 0;
			hr->hold_chunk_stage = TRAILER;
			break;
		case LAST_LF:
			if (c != '\n') return 400;
			hr->hold_chunk_stage = COMPLETE;
			break;
		}
	}
	return 0;
}

/* Takes the bytes behind the head. Returns the status of a refusal, or 0. */
static int hold_take_body(struct corerouter_peer *main_peer) {
	struct http_session *hr = (struct http_session *) main_peer->session;
	char *data = main_peer->in->buf + hr->headers_size + 1;
	size_t len = main_peer->in->pos - hr->headers_size - 1;
	main_peer->in->pos = hr->headers_size + 1;
	hr->hold_received += len;
	if (!hr->hold_body) hr->hold_body = uwsgi_buffer_new(uwsgi.page_size);
	if (hr->hold_chunked) return hold_chunks(hr, data, len);
	len = UMIN(len, hr->hold_length - hr->hold_body->pos);
	return len && uwsgi_buffer_append(hr->hold_body, data, len) ? 413 : 0;
}

static int hold_is_whole(struct http_session *hr) {
	return hr->hold_chunked ? hr->hold_chunk_stage == COMPLETE : hr->hold_body->pos == hr->hold_length;
}

/* Looks at the bytes of a head that came last. Returns 1 if it is whole, 0 if not yet, -1 if it is none. */
static int hold_scan_head(struct corerouter_peer *main_peer) {
	struct http_session *hr = (struct http_session *) main_peer->session;
	unsigned char *buf = (unsigned char *) main_peer->in->buf;
	size_t i;
	for (i = hr->hold_scanned; i < main_peer->in->pos; i++) {
		if (buf[i] == '\n') {
			if (i < 2 || buf[i - 1] != '\r') return -1;
			if (buf[i - 2] == '\n') {
				hr->headers_size = i;
				return 1;
			}
		}
		else if ((i && buf[i - 1] == '\r') || (buf[i] < 0x20 && buf[i] != '\t' && buf[i] != '\r') || buf[i] == 0x7f) return -1;
	}
	hr->hold_scanned = i;
	return 0;
}

static ssize_t hold_refuse_status(struct corerouter_peer *main_peer, int status) {
	switch (status) {
	case 413: hold_refuse(main_peer, status, "Request Entity Too Large", "The body of the request is too long."); break;
	case 417: hold_refuse(main_peer, status, "Expectation Failed", "Only 100-continue can be expected."); break;
	case 431: hold_refuse(main_peer, status, "Request Header Fields Too Large", "The head of the request is too long."); break;
	case 501: hold_refuse(main_peer, status, "Not Implemented", "Of transfer codings only chunked is known."); break;
	default: hold_refuse(main_peer, 400, "Bad Request", "The request is no valid HTTP."); break;
	}
	return 1;
}

static ssize_t hold_continue(struct corerouter_peer *main_peer) {
	struct http_session *hr = (struct http_session *) main_peer->session;
	hr->send_expect_100 = 0;
	if (!hr->last_chunked) hr->last_chunked = uwsgi_buffer_new(32);
	if (uwsgi_buffer_append(hr->last_chunked, "HTTP/1.1 100 Continue\r\n\r\n", 25)) return -1;
	main_peer->out = hr->last_chunked;
	main_peer->out_pos = 0;
	cr_write_to_main(main_peer, hr->func_write);
	return 1;
}

/* Takes what was read from a client. */
ssize_t hold_parse(struct corerouter_peer *main_peer) {
	struct http_session *hr = (struct http_session *) main_peer->session;
	int status, first = hr->hold_stage == HEAD;
	if (hr->hold_stage > BODY) return -1;
	if (first) {
		int found = hold_scan_head(main_peer);
		if (found < 0) return hold_refuse_status(main_peer, 400);
		if (main_peer->in->pos > LONGEST_HEAD && (!found || hr->headers_size > LONGEST_HEAD)) return hold_refuse_status(main_peer, 431);
		if (!found) return 1;
		if ((status = hold_check_head(main_peer))) return hold_refuse_status(main_peer, status);
		hold_enter(main_peer, BODY, BODY_SECONDS);
	}
	size_t before = hr->hold_received;
	if ((status = hold_take_body(main_peer))) return hold_refuse_status(main_peer, status);
	if (hold_is_whole(hr)) return hold_wait(main_peer);
	hr->hold_deadline += hr->hold_received / BODY_BYTES_PER_SECOND - before / BODY_BYTES_PER_SECOND;
	hold_clock(main_peer);
	return first && hr->send_expect_100 ? hold_continue(main_peer) : 1;
}
