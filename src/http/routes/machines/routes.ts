/** GET /machines and GET /machines/{name}. */
import type { Inspection } from '../../../core/ports/inspection.ts'
import { Refusal } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { machinesQuery } from '../../schemas/machine.ts'
import { replyWholeList } from '../reply-whole-list.ts'
import { toMachineBody } from './to-machine-body.ts'

export function createMachineRoutes(inspection: Inspection): readonly Route[] {
  return [
    /**
     * @openapi
     * /machines:
     *   get:
     *     operationId: listMachines
     *     tags: [inspection]
     *     summary: The state machines that actors run, from the root to the leaves
     *     parameters:
     *       - { $ref: '#/components/parameters/Machines.limit' }
     *       - { $ref: '#/components/parameters/Machines.cursor' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/MachineList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/machines',
      action: 'machine.read',
      query: machinesQuery,
      handle: ({ query }) =>
        replyWholeList(inspection.machines(), query, {
          scope: 'machines',
          keyOf: (_, index) => String(index).padStart(4, '0'),
          toBody: ({ name, description }) => ({ name, description }),
        }),
    }),

    /**
     * @openapi
     * /machines/{name}:
     *   get:
     *     operationId: readMachine
     *     tags: [inspection]
     *     summary: A machine's states and the arrows between them
     *     parameters:
     *       - { $ref: '#/components/parameters/MachineName' }
     *     responses:
     *       200: { description: The machine, content: { application/json: { schema: { $ref: '#/components/schemas/MachineDefinition' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'get',
      path: '/machines/{name}',
      action: 'machine.read',
      handle({ params }) {
        const machine = inspection.machines().find(({ name }) => name === params.name)
        if (!machine) throw new Refusal('machine.missing', 'There is no such machine.')
        return { status: 200, body: toMachineBody(machine) }
      },
    }),
  ]
}
