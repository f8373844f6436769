--- The example of a server: fast requests do not wait for slow ones.
local check = require "spec.support.check"
local files = require "spec.support.files"
local socket = require "socket"
local start = require "spec.support.foreground"
local tandem = require "tandem"

describe("scripts/examples/server_luv.lua", function()
  local server, port, clients

  before_each(function()
    server = start { command = "scripts/examples/server_luv.lua 0" }
    server:wait_for("http://127.0.0.1:")
    port = check.eventually(function()
      return server:read("out"):match("http://127.0.0.1:(%d+)\n")
    end, "the port")
    clients = {}
  end)

  after_each(function()
    for _, client in ipairs(clients) do client:close() end
    os.execute(("kill -s KILL -- %d 2>/dev/null"):format(server.pid))
    files.remove_all()
  end)

  local function send(text)
    local client = assert(socket.connect("127.0.0.1", port))
    client:settimeout(check.BOUND)
    assert(client:send(text))
    clients[#clients + 1] = client
    return client
  end

  local function request(path)
    return send("GET " .. path .. " HTTP/1.1\r\nHost: localhost\r\n\r\n")
  end

  -- The status, and the body.
  local function answer(client)
    local text = assert(client:receive("*a"))
    client:close()
    return text:match("^HTTP/1.1 (%d+).-\r\n\r\n(.*)$")
  end

  local function get(path)
    return answer(request(path))
  end

  local function terminate()
    assert(os.execute(("kill -s TERM -- %d"):format(server.pid)))
    local ended = server:finish()
    assert.equal("", ended.err)
    assert.equal(0, ended.code)
    assert.equal(0, ended.left)
    assert.is_truthy(ended.out:find("all requests are answered", 1, true))
  end

  local function get_fast()
    local status, body = get("/fast")
    assert.equal("200", status)
    assert.equal("fast\n", body)
  end

  -- One that waits for slow ones is not answered before them.
  local function answer_fast_meanwhile()
    local before, slow = tandem.now(), {}
    for i = 1, 4 do slow[i] = request("/slow") end
    get_fast()
    local first = #socket.select(slow, nil, 0) == 0
    for _, client in ipairs(slow) do
      local status, body = answer(client)
      assert.equal("200", status)
      assert.equal("slow\n", body)
    end
    local together = tandem.now() - before
    assert.is_true(together >= 1, together .. " s")
    return first and together < 4
  end

  it("answers a fast one while four slow ones take a second", function()
    -- On a machine that is busy it may once take longer.
    check.eventually(answer_fast_meanwhile, "four at a time, and a fast one")
    terminate()
  end)

  it("says what went wrong, and goes on", function()
    local status, body = get("/fail")
    assert.equal("500", status)
    assert.is_truthy(body:find("out of luck", 1, true), body)
    assert.equal("404", (get("/elsewhere")))
    assert.equal("404", (answer(send("no request\r\n\r\n"))))
    send("GET /sl"):close()
    send(("x"):rep(20000)):close()
    get_fast()
    terminate()
  end)

  it("survives clients that go away while their task runs", function()
    -- What follows comes to the server after these, and their ends.
    for _ = 1, 8 do request("/slow"):close() end
    get_fast()
    terminate()
  end)

  it("answers what is under way when it is told to end", function()
    local slow = request("/slow")
    get_fast()
    assert(os.execute(("kill -s TERM -- %d"):format(server.pid)))
    local status, body = answer(slow)
    assert.equal("200", status)
    assert.equal("slow\n", body)
    assert.equal(0, server:finish().code)
  end)
end)
