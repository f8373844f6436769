--- A worker process has what a process has of its own, and nothing of others.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local lfs = require "lfs"
local low = require "spec.support.low"
local processes = require "spec.support.processes"
local run_script = require "spec.support.script"
local scale = require "spec.support.scale"

-- A pipe that is full before anybody reads it.
local SLOW_READER = "bash -o pipefail -c '\"$@\" | { sleep 0.2; cat; }' bash"

describe("a worker process", function()
  for_each_pool(function(new_pool)
    it("has a number, a group and a zygote of its own", function()
      local pool = new_pool(1)
      local pid = pool:call("fixtures.low:getpid")
      local row = pool:workers()[1]
      assert.equal(pid, row.pid)
      assert.equal(pid, row.tid)
      local worker = processes.look(pid)
      local zygote = processes.look(worker.parent)
      assert.equal(pid, worker.group)
      assert.equal(zygote.pid, zygote.group)
      assert.equal(processes.own_pid(), zygote.parent)
    end)

    it("bears a title that names pool and worker", function()
      local pool = new_pool { max_workers = 3, name = "my pool" }
      local gate = gates.new()
      for _ = 1, 3 do pool:submit("fixtures.gate:wait", gate.path) end
      gate:wait_started(3)
      for _, row in ipairs(pool:workers()) do
        assert.equal("tandem: my pool worker " .. row.id,
                     processes.read(row.pid, "cmdline"))
        assert.equal("my pool-" .. row.id, processes.look(row.pid).name)
      end
      local zygote = processes.zygotes()[1]
      assert.equal("tandem: my pool zygote",
                   processes.read(zygote.pid, "cmdline"))
      assert.equal("my pool-zyg", zygote.name)
    end)

    it("bears a title however long its pool's name is", function()
      local pool = new_pool { max_workers = 1, name = ("n"):rep(200) }
      local pid = pool:call("fixtures.low:getpid")
      assert.matches("^tandem: nnnnn", processes.read(pid, "cmdline"))
      assert.equal(1, #processes.workers())
    end)

    it("reads nothing from its standard input", function()
      local pool = new_pool(1)
      assert.equal("/dev/null", pool:call("fixtures.process:descriptors")[0])
      local all, line = pool:call("fixtures.process:read_input")
      assert.equal("", all)
      assert.is_nil(line)
    end)

    it("has few descriptors, and as many as any other", function()
      local foreign = low.open("/proc/self/stat")
      local pool, gate, futures = new_pool(5), gates.new(), {}
      pool:call("fixtures.basic:echo")
      for i = 1, 5 do
        futures[i] = pool:submit("fixtures.process:descriptors_at", gate.path)
      end
      gate:wait_started(5)
      gate:open()
      local first
      for _, f in ipairs(futures) do
        local list, n = f:result(check.BOUND), 0
        for _, target in pairs(list) do
          n = n + 1
          assert.is_nil(target:find("/stat", 1, true), target)
        end
        first = first or n
        assert.equal(first, n)
        assert.is_true(n <= 8, n)
      end
      low.close(foreign)
    end)

    it("changes nothing but itself", function()
      local name, folder = "SPEC_CHANGED", files.directory()
      local pool, other = new_pool(1), new_pool(1)
      local home = lfs.currentdir()
      local pid = pool:call("fixtures.process:change", folder, name, "changed")
      assert.same({ folder, "changed", "changed" },
        { pool:call("fixtures.process:surroundings", name) })
      assert.same({ home },
        { other:call("fixtures.process:surroundings", name) })
      assert.equal(home, lfs.currentdir())
      assert.is_nil(os.getenv(name))
      assert.is_nil(rawget(_G, name))
      low.kill(pid, "KILL")
      assert.same({ home },
        { pool:call("fixtures.process:surroundings", name) })
    end)

    it("has random numbers that none had before", function()
      local directory = files.directory()
      files.write(directory .. "/shuffled.lua", "math.random(0) return {}")
      local pool = new_pool {
        max_workers = 1, max_tasks_per_worker = 1, preload = { "shuffled" },
        path = directory .. "/?.lua;" .. package.path,
      }
      local seen = {}
      for _ = 1, 10 do
        local n = pool:call("fixtures.process:random")
        assert.is_nil(seen[n])
        seen[n] = true
      end
    end)
  end, { kind = "process" })

  it("heeds no signal that its host ignores or blocks", function()
    local code, out, err = run_script [[
      local low = require "fixtures.low"
      for _, name in ipairs { "CHLD", "PIPE", "INT", "USR1" } do
        low.ignore(name)
      end
      low.block("TERM")
      local tandem = require "tandem"
      local pool <close> = tandem.process_pool(1)
      for _, field in ipairs { "SigBlk", "SigIgn", "SigCgt" } do
        print(pool:call("fixtures.process:status", field))
      end
      print(pool:call("fixtures.process:run", "exit 7"))
    ]]
    assert.equal(0, code, err)
    assert.equal("", err)
    local blocked, ignored, caught, ended =
      out:match("^(%x+)\n(%x+)\n(%x+)\n(.*)$")
    assert.equal(0, tonumber(blocked, 16))
    -- Beyond these lie two that belong to the C library.
    assert.equal(0, tonumber(ignored, 16) & 0x7fffffff)
    if not scale.sanitized then
      assert.equal(0, tonumber(caught, 16) & 0x7fffffff)
    end
    assert.equal("nil\texit\t7\n", ended)
  end)

  local LENGTHS = { short = 60, long = 5000, ["very long"] = 30000 }
  for what, length in pairs(LENGTHS) do
    it("prints whole lines, " .. what .. " ones", function()
      local n = scale.down(400000 // length)
      local code, out, err = run_script(([[
        local tandem = require "tandem"
        local pool <close> = tandem.process_pool(4)
        for i = 1, 8 do
          pool:submit("fixtures.process:print_lines",
                      ("abcdefgh"):sub(i, i), %d, %d)
        end
      ]]):format(length, n), { prefix = SLOW_READER })
      assert.equal(0, code, err)
      local count = 0
      for line in out:gmatch("([^\n]*)\n") do
        count = count + 1
        assert.equal(length, #line)
        assert.equal(line:sub(1, 1):rep(length), line)
      end
      assert.equal(8 * n, count)
    end)
  end

  it("has its errors at the host's, and what it has not flushed", function()
    local code, out, err = run_script [[
      local tandem = require "tandem"
      local pool <close> = tandem.process_pool(2)
      pool:call("fixtures.process:warn_lines", "e", 10, 2)
      pool:call(function() io.write("no end of line") end)
    ]]
    assert.equal(0, code, err)
    assert.equal("eeeeeeeeee\neeeeeeeeee\n", err)
    assert.equal("no end of line", out)
  end)
end)

describe("preload", function()
  for_each_pool(function(new_pool)
    local function counting_pool(workers)
      local directory = files.directory()
      files.write(directory .. "/counted.lua", ([[
        local file <close> = assert(io.open(%q, "a"))
        file:write("loaded\n")
        local pid = require("fixtures.low").getpid()
        return { who = function(path)
          require("fixtures.gate").wait(path)
          return pid
        end }
      ]]):format(directory .. "/log"))
      return new_pool {
        max_workers = workers, preload = { "counted" },
        path = directory .. "/?.lua;" .. package.path,
      }, directory .. "/log"
    end

    it("loads a module once, in the zygote, for all workers", function()
      local pool, log = counting_pool(3)
      local gate, futures = gates.new(), {}
      for i = 1, 6 do futures[i] = pool:submit("counted:who", gate.path) end
      gate:wait_started(3)
      local zygote = processes.zygotes()[1].pid
      gate:open()
      for _, f in ipairs(futures) do
        assert.equal(zygote, f:result(check.BOUND))
      end
      assert.equal(1, #files.lines(log))
    end)

    it("loads it again in a new zygote", function()
      local pool, log = counting_pool(1)
      local gate = gates.new()
      gate:open()
      for i = 1, 3 do
        assert.is_true(pool:call("counted:who", gate.path) > 0)
        local zygote, worker = processes.zygotes()[1], processes.workers()[1]
        assert.equal(i, #files.lines(log))
        low.kill(zygote.pid, "KILL")
        processes.wait_gone(zygote.pid)
        low.kill(worker.pid, "KILL")
        processes.wait_gone(worker.pid)
      end
    end)

    it("of what cannot be loaded breaks the pool", function()
      local directory = files.directory()
      files.write(directory .. "/unloadable.lua", "error('on purpose', 0)")
      local told = {
        ["no.such.module"] = "no.such.module", ["unloadable"] = "on purpose",
      }
      for name, words in pairs(told) do
        local pool = new_pool {
          max_workers = 2, preload = { name },
          path = directory .. "/?.lua;" .. package.path,
        }
        for _ = 1, 2 do
          local err = check.kind("load", pool.call, pool,
                                 "fixtures.basic:echo")
          assert.matches(words, tostring(err), 1, true)
        end
        assert.is_true(pool:shutdown { timeout = check.BOUND })
      end
    end)

    it("of what ends its process breaks the pool", function()
      -- A signal may come from outside, and is tried again; an exit is not.
      local kinds = { ["os.exit(3)"] = "limit", SIGKILL = "crashed",
                      SIGSEGV = "crashed" }
      for deed, kind in pairs(kinds) do
        local directory = files.directory()
        files.write(directory .. "/deadly.lua",
                    require("fixtures.crash").module(deed))
        local pool = new_pool {
          max_workers = 2, preload = { "deadly" },
          path = directory .. "/?.lua;" .. package.path,
        }
        local err = check.raises(pool.call, pool, "fixtures.basic:echo")
        assert.equal(kind, err.kind, tostring(err))
        assert.is_true(pool:shutdown { timeout = check.BOUND })
      end
    end)
  end, { kind = "process" })
end)
