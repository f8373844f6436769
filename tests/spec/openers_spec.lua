--- C modules that are linked into the host, as its workers find them. What is
-- linked here is a module that lies in a file, under another name.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local tandem = require "tandem"

local file = assert(package.searchpath("socket.core", package.cpath))
local open = assert(package.loadlib(file, "luaopen_socket_core"))

for_each_pool(function(new_pool, kind)
  describe("an opener", function()
    after_each(function() tandem.openers = {} end)

    if kind == "process" then
      it("is refused for a worker process", function()
        assert.matches("module names alone: the opener of 'own' is not in the "
          .. "worker processes", check.raises(new_pool,
                                              { preload = { own = open } }))
      end)

      it("of tandem.openers is not there", function()
        tandem.openers = { own = open }
        check.kind("load", function() new_pool(1):call("own:gettime") end)
      end)
      return
    end

    it("in preload is there", function()
      local pool = new_pool { preload = { "fixtures.basic", own = open } }
      assert.is_number(pool:call("own:gettime"))
      assert.is_true(pool:call(function()
        return package.loaded.own ~= nil
          and package.loaded["fixtures.basic"] ~= nil
      end))
    end)

    it("in tandem.openers is there when it is asked for", function()
      tandem.openers["own.part"] = open
      local pool = new_pool(1)
      assert.is_nil(pool:call(function()
        return package.loaded["own.part"]
      end))
      assert.is_number(pool:call("own.part:gettime"))
    end)

    it("is of the pools that are made from then on", function()
      local before = new_pool(1)
      tandem.openers.own = open
      check.kind("load", function() before:call("own:gettime") end)
    end)

    it("that fails breaks the pool", function()
      local pool = new_pool { preload = { own = error } }
      local err = check.kind("load", function()
        pool:call("fixtures.basic:square", 1)
      end)
      assert.matches("preload of module own failed", err.message)
    end)

    it("must be a C function, without upvalues", function()
      local iterator = string.gmatch("a", "a")
      for _, wrong in ipairs { 1, "x", print and function() end, iterator } do
        local message = check.raises(new_pool, { preload = { own = wrong } })
        assert.matches("for module 'own' a C function", message)
        tandem.openers = { own = wrong }
        assert.matches("bad entry 'own' in tandem.openers %(expected a C func",
                       check.raises(new_pool, 1))
      end
      tandem.openers = nil
      assert.matches("bad tandem.openers %(expected a table, got nil%)",
                     check.raises(new_pool, 1))
      tandem.openers = {}
      assert.matches("a list of module names",
                     check.raises(new_pool, { preload = { [true] = open } }))
      assert.matches("a list of module names",
                     check.raises(new_pool, { preload = { 1 } }))
    end)
  end)
end)
