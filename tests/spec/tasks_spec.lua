--- The catalogue's tasks, called directly and on a pool.
local check = require "spec.support.check"
local files = require "spec.support.files"
local socket = require "socket"
local tandem = require "tandem"

local hash = require "tasks.hash"
local http = require "tasks.http"
local http_server = require "tasks.http_server"
local matrix = require "tasks.matrix"
local pictures = require "tasks.pictures"
local primes = require "tasks.primes"
local roots = require "tasks.roots"
local sleep = require "tasks.sleep"
local store = require "tasks.store"
local store_server = require "tasks.store_server"
local text = require "tasks.files"

describe("tasks.primes", function()
  it("tells primes from others", function()
    local found = {}
    for n = -3, 50 do
      if primes.is_prime(n) then found[#found + 1] = n end
    end
    assert.same({ 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47 },
                found)
    assert.is_true(primes.is_prime(112272535095293))
    assert.is_false(primes.is_prime(1000003 * 1000003))
  end)

  it("counts primes in a range, both ends included", function()
    assert.equal(25, primes.count(1, 100))
    assert.equal(1229, primes.count(-10, 10000))
    assert.equal(1, primes.count(97, 97))
    assert.equal(0, primes.count(10, 5))
  end)

  it("finds prime factors", function()
    assert.same({ 71, 839, 1471, 6857 }, primes.factors(600851475143))
    assert.same({ 2, 2, 2, 3, 3 }, primes.factors(72))
    assert.same({ 97 }, primes.factors(97))
  end)
end)

describe("tasks.roots", function()
  it("adds square roots", function()
    assert.equal(0 + 1 + math.sqrt(2) + math.sqrt(3) + 2, roots.sum(0, 4))
    assert.equal(0.0, roots.sum(5, 4))
  end)

  it("gives the same bits on a pool", function()
    local pool <close> = tandem.thread_pool(2)
    assert.equal(roots.sum(1, 50000), pool:call("tasks.roots:sum", 1, 50000))
  end)
end)

describe("tasks.hash", function()
  -- The checksums are those of zlib.
  it("computes Adler-32", function()
    assert.equal(0x00000001, hash.adler32(""))
    assert.equal(0x11e60398, hash.adler32("Wikipedia"))
    assert.equal(0x02ff01ff, hash.adler32("\255\255"))
    assert.equal(0x6895a655, hash.adler32(("\255"):rep(3000001)))
    local bytes = {}
    for byte = 0, 255 do bytes[byte + 1] = string.char(byte) end
    local all = table.concat(bytes)
    assert.equal(0x6b34f82f, hash.adler32(all:rep(4097) .. "abc"))
  end)

  it("computes FNV-1a", function()
    assert.equal("cbf29ce484222325", hash.fnv1a(""))
    assert.equal("85944171f73967e8", hash.fnv1a("foobar"))
  end)

  it("stretches a hash", function()
    assert.equal(hash.fnv1a("saltsalt"), hash.stretch("salt", 1))
    assert.equal(hash.fnv1a(hash.fnv1a("saltsalt") .. "salt"),
                 hash.stretch("salt", 2))
  end)
end)

describe("tasks.files", function()
  local dir
  before_each(function() dir = files.directory() end)
  after_each(function() files.remove_all() end)

  it("reads a file, byte for byte", function()
    local path = files.write(dir .. "/bytes", "a\0\r\n\255")
    assert.equal("a\0\r\n\255", text.read(path))
    assert.equal("", text.read(files.write(dir .. "/empty", "")))
  end)

  it("counts as wc does", function()
    for contents, expected in pairs {
      [""] = { 0, 0 }, ["one"] = { 0, 1 }, ["one\n"] = { 1, 1 },
      ["\n\n"] = { 2, 0 }, [" two\twords \n and\nmore"] = { 2, 4 },
    } do
      assert.equal(expected[1], text.count_lines(contents))
      assert.equal(expected[2], text.count_words(contents))
    end
  end)

  it("counts a text file and checksums it", function()
    local contents = ("some words\n"):rep(2000)
    assert.same({
      text = true, bytes = 22000, lines = 2000, words = 4000,
      adler32 = hash.adler32(contents),
    }, text.count(files.write(dir .. "/text", contents)))
  end)

  it("tells what is not text", function()
    local path = files.write(dir .. "/program",
                             "\127ELF\0\0" .. ("x"):rep(9999))
    assert.same({ text = false }, text.count(path))
  end)

  it("raises the system's message where it cannot read", function()
    for _, task in ipairs { text.read, text.count } do
      assert.error_matches(function() task(dir .. "/absent") end, "absent")
      assert.error_matches(function() task(dir) end, "directory")
    end
  end)
end)

describe("tasks.sleep", function()
  it("sleeps as long as it is told", function()
    local started = tandem.now()
    assert.equal(0.05, sleep.sleep(0.05))
    assert.is_true(tandem.now() - started >= 0.05)
  end)

  it("sleeps unevenly, but the same for the same seed", function()
    local seen = {}
    for seed = 1, 50 do
      local seconds = sleep.uneven(0.0001, seed)
      assert.is_true(seconds >= 0.00005 and seconds < 0.00015)
      assert.is_nil(seen[seconds])
      seen[seconds] = true
    end
    assert.equal(sleep.uneven(0.0001, 7), sleep.uneven(0.0001, 7))
  end)
end)

describe("tasks.http and its server", function()
  local DELAY = 0.05
  local pool, server

  before_each(function()
    pool = tandem.thread_pool(1)
    server = http_server.start(pool, DELAY)
  end)
  after_each(function()
    server:stop()
    pool:shutdown()
  end)

  it("serves pages with a delay", function()
    local started = tandem.now()
    local body, status = http.get(server.url .. "page/1")
    assert.is_true(tandem.now() - started >= DELAY)
    assert.equal(200, status)
    assert.equal(http_server.page("/page/1"), body)
    assert.not_equal(body, http_server.page("/page/2"))
  end)

  it("tells size and checksum of a page", function()
    local page = http_server.page("/page/1")
    assert.same({ status = 200, bytes = #page, adler32 = hash.adler32(page) },
                http.fetch(server.url .. "page/1"))
  end)

  local function ask_a_hundred()
    local clients, started = {}, tandem.now()
    for i = 1, 100 do
      clients[i] = assert(socket.connect("127.0.0.1", server.port))
      clients[i]:send("GET /" .. i .. " HTTP/1.0\r\n\r\n")
    end
    for i, client in ipairs(clients) do
      local answer = client:receive("*a")
      client:close()
      assert.is_truthy(answer:find(http_server.page("/" .. i), 1, true))
    end
    return tandem.now() - started
  end

  it("serves many connections at once", function()
    -- One after another they would take a hundred delays. On a machine that is
    -- busy they may take long, but not each time.
    check.eventually(function() return ask_a_hundred() < 50 * DELAY end,
                     "a hundred answers in the time of fifty")
  end)

  it("fetches on threads", function()
    local fetchers <close> = tandem.thread_pool(4)
    local urls = {}
    for i = 1, 12 do urls[i] = server.url .. "page/" .. i end
    for i, page in fetchers:map("tasks.http:fetch", urls) do
      assert.equal(#http_server.page("/page/" .. i), page.bytes)
    end
  end)

  it("answers nonsense with 400 and lives on", function()
    local client = assert(socket.connect("127.0.0.1", server.port))
    client:send("FROB\r\n\r\n")
    assert.equal("HTTP/1.1 400 Bad Request", client:receive("*l"))
    client:close()
    assert.equal(200, select(2, http.get(server.url)))
  end)

  it("stops on request, whoever else is connected", function()
    local idle = assert(socket.connect("127.0.0.1", server.port))
    server:stop()
    assert.equal("done", server.future:status())
    idle:close()
    assert.error_matches(function() http.get(server.url) end, "refused")
  end)

  it("raises what the network says", function()
    assert.error_matches(function() http.get("http://127.0.0.1:1/") end,
                         "127.0.0.1:1/: connection refused")
  end)
end)

describe("tasks.store and its server", function()
  local DELAY = 0.01
  local pool, server

  before_each(function()
    pool = tandem.thread_pool(1)
    server = store_server.start(pool, DELAY)
  end)
  after_each(function()
    server:stop()
    pool:shutdown()
  end)

  it("keeps values", function()
    local port = server.port
    assert.equal("PONG", store.request(port, "PING"))
    assert.is_nil(store.request(port, "GET nobody"))
    assert.equal("some", store.set_and_get(port, "key", "some"))
    assert.equal(1, store.request(port, "INCR count"))
    assert.equal(2, store.request(port, "incr count"))
  end)

  it("answers late", function()
    local started = tandem.now()
    store.set_and_get(server.port, "key", 1)
    assert.is_true(tandem.now() - started >= 2 * DELAY)
  end)

  it("answers nonsense with an error, and lives on", function()
    for _, request in ipairs { "FROB", "GET", "SET key", "", "PING x" } do
      assert.error_matches(function() store.request(server.port, request) end,
                           "ERR unknown command")
    end
    store.set_and_get(server.port, "word", "x")
    assert.error_matches(
      function() store.request(server.port, "INCR word") end, "not an integer")
    assert.equal("PONG", store.request(server.port, "PING"))
  end)

  it("answers requests that come in one piece, in turn", function()
    local client = assert(socket.connect("127.0.0.1", server.port))
    client:send("SET a 1\r\nGET a\r\nPING\r\n")
    local lines = {}
    for i = 1, 4 do lines[i] = client:receive("*l") end
    client:close()
    assert.same({ "+OK", "$1", "1", "+PONG" }, lines)
  end)

  it("serves many workers, each with a connection that it keeps", function()
    local askers <close> = tandem.thread_pool(3)
    local futures = {}
    for i = 1, 12 do
      futures[i] = askers:submit("tasks.store:set_and_get", server.port,
                                 "key" .. i, i)
    end
    for i = 1, 12 do assert.equal(tostring(i), futures[i]:result()) end
  end)
end)

describe("tasks.matrix", function()
  it("multiplies", function()
    assert.same({ { 19, 22 }, { 43, 50 } },
                matrix.multiply({ { 1, 2 }, { 3, 4 } }, { { 5, 6 }, { 7, 8 } }))
    local a, b = matrix.new(3, 1), matrix.new(3, 2)
    local product = matrix.multiply(a, b)
    assert.equal(product[1][1] + product[2][2] + product[3][3],
                 matrix.trace(3, 1))
  end)
end)

describe("tasks.pictures", function()
  it("blurs, and leaves what is even as it is", function()
    local even = { width = 4, height = 3, pixels = ("d"):rep(12) }
    assert.same(even, pictures.blur(even, 2))
    local dot = { width = 5, height = 5,
                  pixels = ("\0"):rep(12) .. "\255" .. ("\0"):rep(12) }
    local blurred = pictures.blur(dot, 2).pixels
    assert.is_true(blurred:byte(13) < 255)
    assert.is_true(blurred:byte(13) > blurred:byte(14))
    assert.equal(blurred:byte(12), blurred:byte(14))
    assert.equal(blurred:byte(8), blurred:byte(14))
  end)

  it("downloads a picture and makes it small", function()
    local pool <close> = tandem.thread_pool(1)
    local server <close> = http_server.start(pool, 0)
    local letters = pictures.download_thumbnail(server.url .. "picture/9", 32)
    assert.equal(pictures.thumbnail(pictures.draw(1, 192), 32), letters)
  end)
end)

describe("the catalogue", function()
  it("describes each of its tasks", function()
    local kinds = { cpu = true, io = true, mixed = true }
    for _, name in ipairs {
      "primes", "roots", "hash", "files", "sleep", "http", "http_server",
      "matrix", "pictures", "store", "store_server",
    } do
      local module = require("tasks." .. name)
      assert.is_truthy(next(module._tasks))
      for task, description in pairs(module._tasks) do
        assert.equal("function", type(module[task]), task)
        assert.is_true(kinds[description.kind], task)
        assert.equal("string", type(description.about), task)
        assert.equal(#description.args, #description.example, task)
      end
    end
  end)
end)
