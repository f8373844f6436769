--- Hosts that make life hard for a pool of processes.
local check = require "spec.support.check"
local files = require "spec.support.files"
local leaks = require "spec.support.leaks"
local run_script = require "spec.support.script"
local scale = require "spec.support.scale"
local tandem = require "tandem"

require "spec.support.low"

-- What a pool does in any host: it works, tells of a crash, and goes on.
local WORK = [[
  local tandem = require "tandem"
  local pool <close> = tandem.process_pool(2)
  assert(pool:call("fixtures.basic:add", 1, 2) == 3)
  for i = 1, 20 do
    assert(pool:call("fixtures.basic:echo", i) == i)
    local f = pool:submit("fixtures.low:raise", "KILL")
    local err = assert(f:error(100))
    assert(err.kind == "crashed", tostring(err))
    assert(err.pid and not tostring(err):find("\n"))
  end
  assert(pool:call("fixtures.process:run", "exit 7") == nil)
  assert(pool:shutdown { timeout = 100 })
  io.stdout:write("fine")
]]

local HOSTS = {
  ["ignores SIGCHLD"] = "require('fixtures.low').ignore('CHLD')",
  ["waits for every child in a handler"] =
    "require('fixtures.low').reap_all()",
  ["blocks SIGCHLD"] = "require('fixtures.low').block('CHLD')",
  ["ignores SIGPIPE"] = "require('fixtures.low').ignore('PIPE')",
  ["is like any other"] = "",
}

describe("a pool of processes in a host", function()
  for what, before in pairs(HOSTS) do
    it("that " .. what, function()
      local code, out, err = run_script(before .. "\n" .. WORK)
      assert.equal(0, code, err)
      assert.equal("fine", out)
      assert.equal("", err)
    end)
  end

  it("that waits for its own child meanwhile gets that one", function()
    local code, out, err = run_script([[
      local low = require "fixtures.low"
      local child = low.fork()
      if child == 0 then
        require("socket").sleep(0.1)
        low.leave(42)
      end
    ]] .. WORK .. "print(low.wait(child))")
    assert.equal(0, code, err)
    assert.equal("fineexit\t42\n", out)
  end)

  for _, closed in ipairs { "<&-", ">&-", "2>&-", "<&- >&- 2>&-" } do
    it("that has closed " .. closed, function()
      local mark = files.mark()
      local log = files.directory() .. "/log"
      local code = run_script((WORK:gsub("io%.stdout:write.*", "")) .. [[
        local other <close> = tandem.process_pool(2)
        local list = other:call("fixtures.process:descriptors")
        local file <close> = io.open(os.getenv("SPEC_LOG"), "w")
        for fd = 0, 2 do file:write(list[fd] or "none", "\n") end
      ]], { env = { SPEC_LOG = log },
            prefix = "sh -c 'exec \"$@\" " .. closed .. "' sh" })
      local lines = files.lines(log)
      files.remove_all(mark)
      assert.equal(0, code)
      assert.equal(3, #lines)
      assert.equal("/dev/null", lines[1])
      for fd = 1, 2 do
        local is_closed = closed:find(fd == 1 and "^[^2]*>&%-" or "2>&-",
                                      1, fd == 2)
        assert.equal(is_closed ~= nil, lines[fd + 1] == "/dev/null",
                     lines[fd + 1])
      end
    end)
  end

  it("that has no descriptor left", function()
    local code, out, err = run_script([[
      local tandem = require "tandem"
      local held, make = {}, tandem.process_pool
      make(1):call("fixtures.basic:echo")
      collectgarbage()
      repeat
        local file = io.open("/dev/null")
        held[#held + 1] = file
      until not file
      for _ = 1, 5 do
        local pool = make(2)
        local ok, err = pcall(pool.call, pool, "fixtures.basic:echo")
        assert(not ok and tandem.is_error(err, "limit"), tostring(err))
        assert(pool:shutdown { timeout = 100 })
      end
      for i = 1, 8 do
        table.remove(held):close()
        local pool = make(2)
        local ok, err = pcall(pool.call, pool, "fixtures.basic:add", i, i)
        assert(ok and err == 2 * i or tandem.is_error(err, "limit"),
               tostring(err))
        assert(pool:shutdown { timeout = 100 })
      end
      for _ = 1, 8 do table.remove(held):close() end
      local pool <close> = make(2)
      print(pool:call("fixtures.basic:add", 1, 2))
    ]], { prefix = "sh -c 'ulimit -n 40; exec \"$@\"' sh" })
    assert.equal(0, code, err)
    assert.equal("3\n", out)
  end)

  it("that may have fewer descriptors than it wants workers", function()
    local code, out, err = run_script([[
      local tandem = require "tandem"
      local pool <close> = tandem.process_pool(60)
      local futures = {}
      for i = 1, 100 do
        futures[i] = pool:submit("fixtures.inside:sleep", 0.01)
      end
      local done = tandem.wait(futures, { timeout = 100 })
      local good = 0
      for _, f in ipairs(done) do
        if f:status() == "done" then good = good + 1 end
      end
      print(#done, good)
    ]], { prefix = "sh -c 'ulimit -n 32; exec \"$@\"' sh" })
    assert.equal(0, code, err)
    assert.equal("100\t100\n", out)
    local _, lines = err:gsub("\n", "")
    assert.equal(1, lines, err)
  end)

  if not scale.sanitized then
    local MANY = [[
      local tandem = require "tandem"
      local pool <close> = tandem.process_pool(20)
      local futures = {}
      for i = 1, 60 do
        local ok, f = pcall(pool.submit, pool, "fixtures.inside:sleep", 0.01)
        if not ok then
          assert(tandem.is_error(f, "limit"), tostring(f))
          break
        end
        futures[i] = f
      end
      local done = tandem.wait(futures, { timeout = 100 })
      local good, bad = 0, 0
      for _, f in ipairs(done) do
        if f:status() == "done" then
          good = good + 1
        else
          assert(tandem.is_error(f:error()), tostring(f:error()))
          bad = bad + 1
        end
      end
      print(#done == #futures, good, bad)
    ]]

    for _, room in ipairs { 1, 2, 3, 4, 6 } do
      it(("that may have %d threads and processes"):format(room), function()
        local code, out, err = run_script(MANY, { threads = room })
        assert.equal(0, code, err)
        local good, bad = out:match("^true\t(%d+)\t(%d+)\n$")
        assert.is_not_nil(good, out .. err)
        -- Itself, the thread that looks after the pool, a zygote, a worker.
        if room >= 4 then
          assert.equal("60", good)
          assert.equal("0", bad)
          local _, lines = err:gsub("\n", "")
          assert.equal(1, lines, err)
        end
      end)
    end

    for _, mebibytes in ipairs { 24, 64, 256 } do
      it(("that has %d MiB of address space"):format(mebibytes), function()
        local code, out, err = run_script(MANY,
          { memory = mebibytes * 1024 })
        assert.is_true(code == 0 or code == 1, code .. ": " .. err)
        if mebibytes >= 256 then
          assert.equal("true\t60\t0\n", out, err)
        elseif code == 0 then
          assert.is_not_nil(out:match("^true\t(%d+)\t(%d+)\n$"), out .. err)
        else
          assert.is_truthy(err:find("memory") or err:find("limit"), err)
        end
      end)
    end
  end
end)

describe("a worker program that is no such", function()
  local function assert_refused(path)
    local baseline = leaks.baseline()
    local err = check.raises(function()
      local pool <close> = tandem.process_pool {
        max_workers = 2, worker_path = path,
      }
      pool:submit("fixtures.basic:echo"):result(check.BOUND)
    end)
    assert.is_true(tandem.is_error(err), tostring(err))
    assert.is_nil(tostring(err):find("\n", 1, true))
    leaks.assert_none(baseline)
    return err
  end

  it("is not there", function()
    local err = assert_refused("/nonexistent/worker")
    assert.equal("limit", err.kind)
    assert.matches("/nonexistent/worker", err.message, 1, true)
  end)

  it("is not there, as TANDEM_WORKER tells", function()
    local code, out, err = run_script([[
      local tandem = require "tandem"
      local ok, e = pcall(tandem.process_pool, 1)
      print(ok, tandem.is_error(e, "limit"))
      print(tostring(e):match("/nonexistent/worker"))
    ]], { env = { TANDEM_WORKER = "/nonexistent/worker" } })
    assert.equal(0, code, err)
    assert.equal("false\ttrue\n/nonexistent/worker\n", out)
  end)

  it("may not be run", function()
    local mark = files.mark()
    local path = files.write(files.directory() .. "/worker", "#!/bin/sh\n")
    assert.matches(path, assert_refused(path).message, 1, true)
    files.remove_all(mark)
  end)

  it("is a directory", function()
    assert_refused("/tmp")
  end)

  for _, program in ipairs { "/bin/true", "/bin/false", "/bin/cat" } do
    it("is another program: " .. program, function()
      local before = tandem.now()
      local err = assert_refused(program)
      assert.matches(program, err.message, 1, true)
      assert.is_true(tandem.now() - before < check.BOUND)
    end)
  end

  it("is not a program at all", function()
    local mark = files.mark()
    local path = files.write(files.directory() .. "/worker", "\0\1\2\3")
    os.execute("chmod +x " .. path)
    assert.matches(path, assert_refused(path).message, 1, true)
    files.remove_all(mark)
  end)

  it("is refused with a wrong type", function()
    for _, bad in ipairs { 42, true, {} } do
      check.misuse("worker_path", tandem.process_pool, { worker_path = bad })
    end
    check.misuse("worker_path", tandem.thread_pool, { worker_path = "x" })
  end)
end)
