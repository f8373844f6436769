--- What runs out: memory of a worker, threads and memory of the process.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local run_script = require "spec.support.script"
local scale = require "spec.support.scale"
local tandem = require "tandem"

local LIMIT = 8 << 20

describe("memory_limit", function()
  for_each_pool(function(new_pool)
    local function limited()
      return new_pool { max_workers = 1, memory_limit = LIMIT }
    end

    for _, eater in ipairs { "eat", "eat_slots" } do
      it("fails the task that goes over it: " .. eater, function()
        local pool = limited()
        local f = pool:submit("fixtures.state:" .. eater, 64 << 20)
        local err = check.kind("memory", f.result, f)
        assert.equal("fixtures.state:" .. eater, err.task)
        assert.equal("failed", f:status())
      end)
    end

    it("leaves the worker alive, again and again", function()
      local pool = limited()
      local worker = pool:call("fixtures.inside:current").worker
      for _ = 1, 5 do
        check.kind("memory", pool.call, pool, "fixtures.state:eat", 64 << 20)
        assert.equal(worker, pool:call("fixtures.inside:current").worker)
      end
    end)

    it("can be met by a task that recovers from it", function()
      local pool = limited()
      assert.is_false(pool:call("fixtures.state:eat_and_recover", 64 << 20))
      assert.is_true(pool:call("fixtures.state:eat_and_recover", 1 << 20))
    end)

    it("does not mind what other tasks have used before", function()
      local pool = limited()
      for _ = 1, 20 do
        assert.equal(LIMIT // 4,
                     pool:call("fixtures.state:litter", LIMIT // 4))
      end
    end)

    it("counts arguments and results as well", function()
      local pool = limited()
      check.kind("memory", pool.call, pool, "fixtures.results:bytes",
                 ("x"):rep(2 * LIMIT))
      check.kind("memory", pool.call, pool, "fixtures.basic:repeated",
                 ("x"):rep(1 << 20), 16)
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)

    it("does not bound the other pools", function()
      limited()
      local pool = new_pool(1)
      assert.equal(32 << 20, pool:call("fixtures.state:litter", 32 << 20))
    end)

    it("too small for a worker to start is an error, not a crash", function()
      local pool = new_pool { max_workers = 1, memory_limit = 1000 }
      local err = check.raises(pool.call, pool, "fixtures.basic:echo")
      assert.is_true(tandem.is_error(err))
    end)
  end)
end)

-- What os.exit takes, and the exit code that this makes.
local EXITS = { { 0, 0 }, { 7, 7 }, { true, 0 }, { false, 1 }, { nil, 0 } }

describe("os.exit in a task", function()
  for_each_pool(function(new_pool, kind)
    if kind == "process" then
      it("ends its worker, which is replaced, and no more than that",
        function()
          local pool = new_pool(1)
          for i, exit in ipairs(EXITS) do
            local pid = pool:call("fixtures.basic:echo", i)
              and pool:workers()[1].pid
            local err = check.kind("crashed", pool.call, pool,
                                   "fixtures.basic:os_exit", exit[1])
            assert.equal(exit[2], err.code)
            assert.equal(pid, err.pid)
            assert.equal("fixtures.basic:os_exit", err.task)
          end
          assert.equal("alive", pool:call("fixtures.basic:echo", "alive"))
          assert.equal(#EXITS, pool:stats().restarts)
        end)
    else
      it("fails the task with kind 'exit', whatever its code", function()
        local pool = new_pool(1)
        for _, exit in ipairs(EXITS) do
          check.kind("exit", pool.call, pool, "fixtures.basic:os_exit",
                     exit[1])
        end
        assert.equal("alive", pool:call("fixtures.basic:echo", "alive"))
      end)
    end
  end)
end)

describe("many workers", function()
  for_each_pool(function(new_pool)
    it("are started only as they are needed", function()
      local pool = new_pool(1000)
      assert.equal(0, #pool:workers())
      for i = 1, 3 do
        assert.equal(i, pool:call("fixtures.basic:echo", i))
      end
      assert.equal(1, #pool:workers())
    end)

    it("all stop", function()
      for _ = 1, 3 do
        local pool = new_pool(22)
        local futures = {}
        for i = 1, 44 do
          futures[i] = pool:submit("fixtures.inside:sleep", 0.001)
        end
        assert.is_true(pool:shutdown { timeout = check.BOUND })
        for _, f in ipairs(futures) do assert.equal("done", f:status()) end
      end
    end)
  end, { concurrent = true })
end)

-- Sixty tasks that sleep, so that a pool wants sixty workers.
local MANY = [[
  local tandem = require "tandem"
  local pool <close> = tandem.thread_pool(60)
  local futures = {}
  for i = 1, 60 do
    futures[i] = pool:submit("fixtures.inside:sleep", 0.02)
  end
  local done = tandem.wait(futures, { timeout = 100 })
  local good, bad = 0, 0
  local ordinary = { memory = true, limit = true, load = true }
  for _, f in ipairs(done) do
    if f:status() == "done" then
      good = good + 1
    elseif ordinary[f:error().kind] then
      bad = bad + 1
    end
  end
  print(good, bad, #pool:workers())
]]

-- One submit that finds no worker.
local NONE = [[
  local tandem = require "tandem"
  local pool <close> = tandem.thread_pool(4)
  local ok, err = pcall(pool.submit, pool, "fixtures.basic:echo")
  print(ok, tandem.is_error(err, "limit"), pool:stats().pending)
]]

-- Address space is counted in KiB; the sanitizers reserve terabytes of it.
if not scale.sanitized then
  describe("where no more threads are to be had", function()
    it("a pool goes on with fewer, and warns once", function()
      local code, out, err = run_script(MANY, { threads = 4 })
      assert.equal(0, code, err)
      assert.equal("60\t0\t3\n", out, err)
      local _, lines = err:gsub("\n", "")
      assert.equal(1, lines, err)
      assert.matches("worker", err, 1, true)
    end)

    it("the very first submit raises kind 'limit', and queues nothing",
      function()
        local code, out, err = run_script(NONE, { threads = 1 })
        assert.equal(0, code, err)
        assert.equal("false\ttrue\t0\n", out)
      end)

    it("a serial pool does not care", function()
      local code, out, err = run_script([[
        local tandem = require "tandem"
        local pool <close> = tandem.serial_pool()
        print(pool:call("fixtures.basic:add", 1, 2))
      ]], { threads = 1 })
      assert.equal(0, code, err)
      assert.equal("3\n", out)
    end)
  end)

  describe("where no more memory is to be had", function()
    for _, mebibytes in ipairs { 24, 48, 100, 256 } do
      it(("a pool ends its tasks or raises: %d MiB"):format(mebibytes),
        function()
          local code, out, err = run_script(MANY,
            { memory = mebibytes * 1024 })
          -- Too little for the interpreter itself is an error like another.
          assert.is_true(code == 0 or code == 1, code .. ": " .. err)
          if code == 0 then
            -- A worker that has no memory for a task fails that task.
            local good, bad = out:match("^(%d+)\t(%d+)\t%d+\n$")
            assert.equal(60, good + bad, err)
            -- So much as an auth process of dovecot has does for all of them.
            if mebibytes >= 256 then assert.equal("60", good) end
          else
            assert.is_truthy(err:find("memory") or err:find("limit")
                             or err:find("worker"), err)
          end
        end)
    end

    it("a result that does not fit is an error of its future", function()
      local code, out, err = run_script([[
        local tandem = require "tandem"
        local pool <close> = tandem.thread_pool(1)
        local f = pool:submit("fixtures.basic:repeated", ("x"):rep(1024),
                              1 << 18)
        print((pcall(f.result, f)), pool:call("fixtures.basic:add", 1, 2))
      ]], { memory = 400 * 1024 })
      assert.equal(0, code, err)
      assert.equal("false\t3\n", out)
    end)
  end)
end

describe("where no descriptor is left", function()
  -- Lua says then of each file that there is none.
  it("what tandem loads late tells the cause, and works later", function()
    local code, out, err = run_script([[
      local tandem = require "tandem"
      local pool <close> = tandem.thread_pool(1)
      local future = pool:submit("fixtures.basic:echo")
      future:result() -- the worker needs descriptors, too
      local held = {}
      repeat
        local file = io.open("/dev/null")
        held[#held + 1] = file
      until not file
      local calls = {
        wait = function() return #tandem.wait { future } end,
        all = function() return #tandem.all({ future }):result() end,
        classify = function() return tandem.classify("math:abs", 1) and 1 end,
        await = function() return tandem.await(future) end,
      }
      for name, call in pairs(calls) do
        local ok, e = pcall(call)
        assert(not ok and tandem.is_error(e, "limit"), name)
        assert(tostring(e):find("Too many open files", 1, true), tostring(e))
      end
      for _, file in ipairs(held) do file:close() end
      calls.await = nil
      for name, call in pairs(calls) do assert(call() == 1, name) end
      print("fine")
    ]], { prefix = "sh -c 'ulimit -n 40; exec \"$@\"' sh" })
    assert.equal(0, code, err)
    assert.equal("fine\n", out)
  end)
end)
