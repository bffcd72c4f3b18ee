type Json = Record<string, unknown>;

/** A flow to begin with. */
export interface StarterFlow {
  description: string;
  categories: readonly string[];
  flowJson: Json;
}

const VERSION = '7.2';

/** One screen with a form that ends the flow: its answer has a field for each of the inputs. */
function oneScreen(screen: { id: string; title: string; heading: string; inputs: Json[]; button: string }): Json {
  const names = screen.inputs.map(({ name }) => String(name));
  return {
    version: VERSION,
    screens: [
      {
        id: screen.id,
        title: screen.title,
        terminal: true,
        success: true,
        data: {},
        layout: {
          type: 'SingleColumnLayout',
          children: [
            { type: 'TextHeading', text: screen.heading },
            {
              type: 'Form',
              name: 'form',
              children: [
                ...screen.inputs,
                {
                  type: 'Footer',
                  label: screen.button,
                  'on-click-action': {
                    name: 'complete',
                    payload: Object.fromEntries(names.map((name) => [name, `\${form.${name}}`])),
                  },
                },
              ],
            },
          ],
        },
      },
    ],
  };
}

function options(titles: Record<string, string>): Json[] {
  return Object.entries(titles).map(([id, title]) => ({ id, title }));
}

export const STARTER_NAMES = ['feedback', 'lead_generation', 'appointment'] as const;
export type StarterName = (typeof STARTER_NAMES)[number];

/** The flows one can begin with, by name. Complete: Meta publishes each as it is. */
export const STARTER_FLOWS: Record<StarterName, StarterFlow> = {
  feedback: {
    description: 'A rating from 1 to 5, and a comment.',
    categories: ['CUSTOMER_SUPPORT'],
    flowJson: oneScreen({
      id: 'FEEDBACK_SCREEN',
      title: 'Your feedback',
      heading: 'How was your experience?',
      inputs: [
        {
          type: 'RadioButtonsGroup',
          label: 'Rating',
          name: 'rating',
          required: true,
          'data-source': [
            { id: '5', title: 'Excellent' },
            { id: '4', title: 'Good' },
            { id: '3', title: 'Average' },
            { id: '2', title: 'Poor' },
            { id: '1', title: 'Very poor' },
          ],
        },
        { type: 'TextArea', label: 'Comments', name: 'comments', required: false },
      ],
      button: 'Submit',
    }),
  },
  lead_generation: {
    description: 'Name, email, company, and what somebody is interested in.',
    categories: ['LEAD_GENERATION'],
    flowJson: oneScreen({
      id: 'LEAD_SCREEN',
      title: 'Get in touch',
      heading: 'Tell us about yourself',
      inputs: [
        { type: 'TextInput', label: 'Full name', name: 'full_name', 'input-type': 'text', required: true },
        { type: 'TextInput', label: 'Email', name: 'email', 'input-type': 'email', required: true },
        { type: 'TextInput', label: 'Company', name: 'company', 'input-type': 'text', required: false },
        {
          type: 'Dropdown',
          label: 'Interested in',
          name: 'interest',
          required: true,
          'data-source': options({
            product: 'Product demo',
            pricing: 'Pricing',
            partner: 'Partnership',
            other: 'Other',
          }),
        },
      ],
      button: 'Send',
    }),
  },
  appointment: {
    description: 'Name, day and time of an appointment, and notes.',
    categories: ['APPOINTMENT_BOOKING'],
    flowJson: oneScreen({
      id: 'BOOKING_SCREEN',
      title: 'Book an appointment',
      heading: 'When would you like to come?',
      inputs: [
        { type: 'TextInput', label: 'Your name', name: 'name', 'input-type': 'text', required: true },
        { type: 'DatePicker', label: 'Date', name: 'appointment_date', required: true },
        {
          type: 'Dropdown',
          label: 'Time',
          name: 'time_slot',
          required: true,
          'data-source': options({ morning: '09:00 to 12:00', afternoon: '12:00 to 16:00', evening: '16:00 to 19:00' }),
        },
        { type: 'TextArea', label: 'Notes', name: 'notes', required: false },
      ],
      button: 'Book',
    }),
  },
};
