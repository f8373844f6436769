--- dovecot: Lua in its auth processes, within 256 MiB of address space.
local files = require "spec.support.files"
local host = require "hosts.support.host"
local laws = require "hosts.support.laws"
local kind = require "hosts.support.dovecot"
local low = require "spec.support.low"
local processes = require "spec.support.processes"
local server = require "hosts.support.server"
local slow_hash = dofile(host.examples .. "/dovecot/slow_hash.lua")

local LIMIT = "268435456"

-- As many tasks at a time as there may be workers, each with some memory.
local MANY = [[
  local pool <close> = tandem.%s_pool { max_workers = %d }
  local futures = {}
  for i = 1, %d do
    futures[i] = pool:submit(function()
      local list = {}
      for j = 1, 1000 do list[j] = ("x"):rep(1000) .. j end
      require("tandem").sleep(0.02)
      return #list
    end)
  end
  for _, f in ipairs(futures) do assert(f:result(100) == 1000) end
  return #pool:workers()
]]

describe("dovecot", function()
  after_each(server.end_all)

  laws(function(options) return host.start(kind, options) end)

  for _, blocking in ipairs { "yes", "no" } do
    for _, name in ipairs { "thread", "process" } do
      it(("has room for many workers: blocking=%s, %s"):format(blocking, name),
        function()
          local h = host.start(kind, { blocking = blocking })
          local limits = processes.read(h:pid(), "limits")
          assert.matches("Max address space%s+" .. LIMIT, limits)
          for _, workers in ipairs { 1, 8, 64 } do
            local had = h:ask(MANY:format(name, workers, 64))
            assert.is_true(tonumber(had) <= workers)
          end
          -- And the process itself has memory left.
          h:ask "return #('x'):rep(10 << 20)"
          assert.equal(0, (h:stop()))
          -- Whoever has fewer workers than asked for is told why.
          local warned = h.server:log():find("address space, allows no more",
                                             1, true)
          assert.equal(name == "thread", warned ~= nil)
        end)
    end
  end

  it("has 32 threads in one heap, where it is told so", function()
    local h = host.start(kind, { environment = "MALLOC_ARENA_MAX=1" })
    assert.equal("32", (h:ask(MANY:format("thread", 32, 64))))
    assert.equal(0, (h:stop()))
  end)

  for _, name in ipairs { "thread", "process" } do
    it("survives a task that wants all the memory: " .. name, function()
      local h = host.start(kind)
      local pid = h:pid()
      h:ask(("kept.pool = tandem.%s_pool(2)"):format(name))
      for _ = 1, 3 do
        assert.equal("memory", (h:ask [[
          return kept.pool:submit("fixtures.state:eat", 1 << 30):error(100).kind
        ]]))
      end
      h:ask "assert(kept.pool:call('fixtures.basic:add', 1, 2) == 3)"
      assert.equal(pid, h:pid())
      assert.equal(0, (h:stop()))
    end)
  end
end)

describe("the hash of dovecot's example", function()
  -- As others compute it.
  it("is PBKDF2 with HMAC-SHA-256", function()
    assert.equal(
      "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b",
      slow_hash.pbkdf2("password", "salt", 1))
    assert.equal(
      "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43",
      slow_hash.pbkdf2("password", "salt", 2))
    assert.equal(
      "348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c4e2a1fb8dd53e1",
      slow_hash.pbkdf2("passwordPASSWORDpassword",
                       "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096))
  end)
end)

describe("the example of dovecot", function()
  after_each(server.end_all)

  -- Some users in a folder that has the example's files as well.
  local function start(rounds, options)
    local site = files.directory()
    assert(os.execute(("cp %s/dovecot/*.lua %s"):format(
      files.quote(host.examples), files.quote(site))))
    local lines = {}
    for _, name in ipairs { "anna", "bert" } do
      lines[#lines + 1] = ("%s:salt-%s:%d:%s\n"):format(name, name, rounds,
        rounds < 10000 and slow_hash.pbkdf2("pw-" .. name, "salt-" .. name,
                                            rounds) or "00")
    end
    files.write(site .. "/users", table.concat(lines))
    options = options or {}
    options.site = site
    options.env = { LUA_PATH = site .. "/?.lua;" .. package.path }
    return host.start(kind, options)
  end

  it("lets in who knows the password", function()
    local h = start(300)
    local function auth(user, password)
      return kind.auth(h.server, user, password)
    end
    assert.equal("passdb: anna auth succeeded", auth("anna", "pw-anna"))
    assert.equal("passdb: bert auth succeeded", auth("bert", "pw-bert"))
    assert.equal("passdb: anna auth failed", auth("anna", "pw-bert"))
    assert.equal("passdb: anna auth failed", auth("anna", ""))
    assert.equal("passdb: carl auth failed", auth("carl", "pw-anna"))
    assert.equal("passdb: anna auth succeeded", auth("anna", "pw-anna"))
    local log = h.server:log()
    assert.is_nil(log:find("Error", 1, true), log)
    assert.equal(0, (h:stop()))
  end)

  it("goes on when a worker was killed", function()
    local h = start(300)
    assert.matches("succeeded", kind.auth(h.server, "anna", "pw-anna"))
    local killed = 0
    for _, process in ipairs(h.server:remains()) do
      if processes.read(process.pid, "cmdline"):find("tandem: auth worker", 1,
                                                     true) then
        killed = killed + 1
        low.kill(process.pid, "KILL")
      end
    end
    assert.is_true(killed >= 1)
    assert.matches("succeeded", kind.auth(h.server, "anna", "pw-anna"))
    assert.equal(0, (h:stop()))
  end)

  it("lets nobody in when a check takes too long, and says why", function()
    local h = start(10000000)
    assert.equal("passdb: anna auth failed",
                 kind.auth(h.server, "anna", "pw-anna"))
    assert.matches("timeout", h.server:log(), 1, true)
    assert.equal(0, (h:stop()))
  end)
end)
